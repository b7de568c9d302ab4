package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// InUse tells whether a process has the database of a directory open: it keeps a file to
// itself for as long as it has.
func InUse(path string) bool {
	f, err := os.OpenFile(filepath.Join(path, dbName, "LOCK"), os.O_RDWR, 0)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return f.Close() != nil
}
