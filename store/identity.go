package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"
)

// A key file holds an age identity, a secret key as text. The directory's own lies
// there twice; one that lies elsewhere is its owner's to keep.

const maxKeyFileBytes = 64 << 10

// readIdentity reads a key file, "" being the directory's own.
func readIdentity(dir, path string) (age.Identity, error) {
	if path != "" {
		return parseIdentity(path)
	}
	id, err := parseIdentity(filepath.Join(dir, keyFileName))
	if err == nil {
		return id, nil
	}
	if id, errCopy := parseIdentity(filepath.Join(dir, keyFileName+copySuffix)); errCopy == nil {
		return id, nil
	}
	return nil, err
}

// mendKeyFile makes the directory's own key file and its copy equal again.
func mendKeyFile(dir string) {
	path := filepath.Join(dir, keyFileName)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return // it leads to one elsewhere, which stays there
	}
	for _, from := range []string{path, path + copySuffix} {
		if _, err := parseIdentity(from); err != nil {
			continue
		}
		good, err := os.ReadFile(from)
		for _, to := range []string{path, path + copySuffix} {
			if b, errTo := os.ReadFile(to); err == nil && (errTo != nil || !bytes.Equal(b, good)) {
				_ = WriteFile(to, good, 0o600)
			}
		}
		return
	}
}

func parseIdentity(path string) (age.Identity, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNeedsKeyFile, path)
	}
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFileBytes {
		return nil, fmt.Errorf("key file %s is no file of that kind", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	ids, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil || len(ids) != 1 {
		return nil, fmt.Errorf("key file %s is damaged, or none: it should hold one line that begins with AGE-SECRET-KEY-", path)
	}
	return ids[0], nil
}

// makeKeyFile gives what to lock with so that a key file opens it. One that is there
// is used as it is; else it is made.
func makeKeyFile(dir, path string) (age.Recipient, error) {
	id, err := readIdentity(dir, path)
	if errors.Is(err, ErrNeedsKeyFile) {
		return drawKeyFile(dir, path)
	}
	if err != nil {
		return nil, err
	}
	switch id := id.(type) {
	case *age.X25519Identity:
		return id.Recipient(), nil
	case *age.HybridIdentity:
		return id.Recipient(), nil
	}
	return nil, fmt.Errorf("%s holds a key of a kind that cannot be used", path)
}

func drawKeyFile(dir, path string) (age.Recipient, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, fmt.Errorf("make key file: %w", err)
	}
	paths := []string{path}
	if path == "" {
		paths = []string{filepath.Join(dir, keyFileName+copySuffix), filepath.Join(dir, keyFileName)}
	}
	text := fmt.Sprintf("# Opens the data of a musafir device. Whoever has this and the data reads the records.\n%s\n", id)
	for _, p := range paths {
		if err := WriteFile(p, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return id.Recipient(), nil
}
