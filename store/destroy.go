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
	old, err := openOwn(path)
	if err != nil {
		return WriteFile(path, b, 0o600) // there is nothing that is ours
	}
	defer old.Close()
	if err := WriteFile(path, b, 0o600); err != nil {
		return err
	}
	_ = overwrite(old) // nothing refers to it any more
	return nil
}

// openOwn opens a file to overwrite it: one that lies there itself, and nowhere else
// under another name. What a link leads to is somebody else's.
func openOwn(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || names(info) > 1 {
		return nil, fmt.Errorf("%s is a link", path)
	}
	return os.OpenFile(path, os.O_WRONLY, 0)
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
	f, err := openOwn(path)
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

// isOf tells whether a file is that one, its copy, or what was about to replace one of
// them: the same name with a dot before and a number behind. Others are not ours.
func isOf(name, file string) bool {
	if rest, temporary := strings.CutPrefix(name, "."); temporary {
		end := strings.LastIndexByte(rest, '.')
		if end < 0 || strings.Trim(rest[end+1:], "0123456789") != "" {
			return false
		}
		name = rest[:end]
	}
	return name == file || name == file+copySuffix
}

// HoldsData tells whether a directory is one of ours, or what is left of one.
func HoldsData(path string) bool {
	if _, err := readWrapped(path); err == nil {
		return true
	}
	b, err := os.ReadFile(filepath.Join(path, formatName))
	return err == nil && strings.HasPrefix(string(b), "musafir ")
}

// IsOwnFile tells of a name in a data directory whether it is one that this package
// gives.
func IsOwnFile(name string) bool {
	for _, file := range []string{formatName, dbName, lockName, ballastName} {
		if isOf(name, file) {
			return true
		}
	}
	return holdsKey(name)
}

// IsTemporaryOf tells whether a file was about to replace that one.
func IsTemporaryOf(name, file string) bool { return name != file && isOf(name, file) }
