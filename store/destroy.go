package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// replaceSecret replaces a file and overwrites what it held before. On flash, and on
// file systems that copy on write, the disk may keep the old bytes all the same.
func replaceSecret(path string, b []byte) error {
	if runtime.GOOS == "windows" { // where a file that is open cannot be replaced
		return WriteFile(path, b, 0o600)
	}
	old, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return WriteFile(path, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	defer old.Close()
	if err := WriteFile(path, b, 0o600); err != nil {
		return err
	}
	_ = overwrite(old) // nothing refers to it any more
	return nil
}

func overwrite(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := io.CopyN(io.NewOffsetWriter(f, 0), rand.Reader, info.Size()); err != nil {
		return err
	}
	return f.Sync()
}

// destroyWhere overwrites and removes files of a directory.
func destroyWhere(dir string, which func(name string) bool) (failed error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	for _, e := range entries {
		if which(e.Name()) {
			failed = errors.Join(failed, destroyFile(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(failed, syncDir(dir))
}

func destroyFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(overwrite(f), f.Close())
	}
	if errRemove := os.Remove(path); errRemove != nil {
		return fmt.Errorf("destroy %s: %w", path, errors.Join(errRemove, err))
	}
	return nil // what is gone need not be overwritten too
}

// DestroyKeys makes the data of a directory unreadable, whoever has it open: all its
// keys are overwritten and removed. A key file elsewhere is left.
func DestroyKeys(path string) error { return destroyWhere(path, holdsKey) }

// holdsKey tells of a file whether it holds a key, or the beginning of one.
func holdsKey(name string) bool {
	for _, key := range []string{keyFileName, dataKeyName, deviceName, nextName} {
		if isOf(name, key) {
			return true
		}
	}
	return false
}

// isOf tells whether a file is that one, its copy, or what was about to replace it: the
// same name with a dot before and a number behind.
func isOf(name, file string) bool {
	name = strings.TrimPrefix(name, ".")
	return name == file || strings.HasPrefix(name, file+".")
}
