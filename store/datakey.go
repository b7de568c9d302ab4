package store

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age" // wraps keys: by a passphrase (scrypt) or for a key file (X25519)
)

// The data key lies wrapped in a file of its own, twice: a line that says what it is,
// its version and what it opens with, then in base64 an age file with the key in it,
// the first 8 bytes of its SHA-256 behind. The file itself counts as long as it is
// whole, its copy only where it is not, so that a change of what opens it is done or
// not done at one moment, that of the file's renaming.

// ageWork is the work factor of scrypt: 32 MiB, and 0.1 s on a laptop.
const ageWork = 15

// Errors of locks.
var (
	ErrNeedsPassphrase = errors.New("the data is locked with a passphrase")
	ErrWrongPassphrase = errors.New("the passphrase is wrong")
	ErrNoPassphrase    = errors.New("the data is locked with a key file and not with a passphrase")
	ErrNeedsKeyFile    = errors.New("the data is locked with a key file, which is not there")
	ErrWrongKeyFile    = errors.New("the key file does not open the data: it is of another device, or was replaced")
)

// A LockKind says what opens a directory's data key.
type LockKind string

// Kinds of locks.
const (
	ByPassphrase LockKind = "passphrase"
	ByKeyFile    LockKind = "key-file"
)

// A Lock is what opens a directory's data key, or shall: the passphrase if there is
// one, else the key file.
type Lock struct {
	Passphrase string
	KeyFile    string // "": the file "key" of the directory
}

func (l Lock) kind() LockKind {
	if l.Passphrase != "" {
		return ByPassphrase
	}
	return ByKeyFile
}

// LockOf tells what opens the data key of a directory.
func LockOf(path string) (LockKind, error) {
	if err := readFormat(path); err != nil {
		return "", err
	}
	w, err := readWrapped(path)
	return w.kind, err
}

// A wrapped is the data key as it lies on disk.
type wrapped struct {
	kind LockKind
	age  []byte
}

const wrappedTitle = "musafir " + dataKeyName + " 1 "

func (w wrapped) text() []byte {
	sum := sha256.Sum256(w.age)
	return fmt.Appendf(nil, "%s%s\n%s\n", wrappedTitle, w.kind, base64.StdEncoding.EncodeToString(append(bytes.Clone(w.age), sum[:8]...)))
}

// write replaces the file, then its copy. What they held before is overwritten, as
// far as the disk does so in place.
func (w wrapped) write(dir string) error {
	for _, name := range []string{dataKeyName, dataKeyName + copySuffix} {
		if err := replaceSecret(filepath.Join(dir, name), w.text()); err != nil {
			return err
		}
	}
	return nil
}

// readWrapped reads the data key's file, or its copy where it is damaged or gone.
func readWrapped(dir string) (w wrapped, err error) {
	if w, err = parseWrapped(filepath.Join(dir, dataKeyName)); err == nil {
		return w, nil
	}
	if w, errCopy := parseWrapped(filepath.Join(dir, dataKeyName+copySuffix)); errCopy == nil {
		return w, nil
	}
	return wrapped{}, fmt.Errorf("%w; its copy %s does not help either: put the file back from a backup, or move the directory aside and join the camp anew", err, dataKeyName+copySuffix)
}

func parseWrapped(path string) (w wrapped, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return w, missingKeyFile(path)
	}
	if err != nil {
		return w, fmt.Errorf("read key file: %w", err)
	}
	title, text, _ := strings.Cut(string(b), "\n")
	kind, ok := strings.CutPrefix(title, wrappedTitle)
	w.kind = LockKind(kind)
	if !ok || w.kind != ByPassphrase && w.kind != ByKeyFile {
		return w, fmt.Errorf("key file %s is damaged: it should begin with %q", path, wrappedTitle)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) < 8 {
		return w, fmt.Errorf("key file %s is damaged: its second line is not a key", path)
	}
	w.age = raw[:len(raw)-8]
	if sum := sha256.Sum256(w.age); !bytes.Equal(raw[len(w.age):], sum[:8]) {
		return w, fmt.Errorf("key file %s is damaged: the key does not fit its checksum", path)
	}
	return w, nil
}

// wrap locks a data key. A key file that is not there is made.
func wrap(dir string, dataKey []byte, with Lock) (w wrapped, err error) {
	var to age.Recipient
	if with.Passphrase != "" {
		var s *age.ScryptRecipient
		if s, err = age.NewScryptRecipient(with.Passphrase); err == nil {
			s.SetWorkFactor(ageWork)
			to = s
		}
	} else {
		to, err = makeKeyFile(dir, with.KeyFile)
	}
	if err != nil {
		return w, fmt.Errorf("lock the data key: %w", err)
	}
	var b bytes.Buffer
	enc, err := age.Encrypt(&b, to)
	if err == nil {
		_, err = enc.Write(dataKey)
		err = errors.Join(err, enc.Close())
	}
	if err != nil {
		return w, fmt.Errorf("lock the data key: %w", err)
	}
	return wrapped{kind: with.kind(), age: b.Bytes()}, nil
}

// unwrap opens the data key.
func (w wrapped) unwrap(dir string, with Lock) ([]byte, error) {
	id, wrong, err := w.identity(dir, with)
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(bytes.NewReader(w.age), id)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, wrong
	}
	if err != nil {
		return nil, fmt.Errorf("open the data key: %w", err)
	}
	key, err := io.ReadAll(io.LimitReader(r, keyBytes+1))
	if err != nil || len(key) != keyBytes {
		return nil, errors.Join(errors.New("open the data key: it is not one"), err)
	}
	return key, nil
}

// identity is what opens the data key, and what to say where it does not.
func (w wrapped) identity(dir string, with Lock) (id age.Identity, wrong, err error) {
	if w.kind == ByKeyFile && with.Passphrase != "" {
		return nil, nil, ErrNoPassphrase
	}
	if w.kind == ByKeyFile {
		id, err = readIdentity(dir, with.KeyFile)
		return id, ErrWrongKeyFile, err
	}
	if with.Passphrase == "" {
		return nil, nil, ErrNeedsPassphrase
	}
	id, err = age.NewScryptIdentity(with.Passphrase)
	return id, ErrWrongPassphrase, err
}

// newDataKey draws a data key.
func newDataKey() []byte {
	key := make([]byte, keyBytes)
	rand.Read(key) // never fails
	return key
}

// tidyKeys makes the file and its copy equal again, once it is known that the key is
// this directory's, and removes what opens nothing any more: files that a kill left
// half written, and key files beside a passphrase. If that fails, as on a full disk,
// the next start tries again.
func tidyKeys(dir string, w wrapped) {
	for _, name := range []string{dataKeyName, dataKeyName + copySuffix} {
		path := filepath.Join(dir, name)
		if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, w.text()) {
			_ = replaceSecret(path, w.text())
		}
	}
	if w.kind == ByKeyFile {
		mendKeyFile(dir)
	}
	_ = destroyWhere(dir, func(name string) bool {
		return holdsKey(name) && strings.HasPrefix(name, ".") || w.kind == ByPassphrase && isOf(name, keyFileName)
	})
}
