//go:build unix

package store

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// InUse tells whether a process has the database of a directory open, by the lock that
// the database holds for as long as it is.
func InUse(path string) bool {
	dir, err := os.Open(filepath.Join(path, dbName))
	if err != nil {
		return false
	}
	defer dir.Close() // which gives up the lock
	return unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}
