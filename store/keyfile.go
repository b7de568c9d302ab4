package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	keyBytes          = 32 // of the data key: AES-256
	nonceBytes        = 12
	sealedDeviceBytes = nonceBytes + ed25519.SeedSize + 16

	copySuffix = ".copy"
)

// A key file is two lines of text: what it is and its version, then the key in
// base64 with the first 8 bytes of its SHA-256 behind it. It is written twice.

func writeKeyFile(dir, name string, key []byte) error {
	sum := sha256.Sum256(key)
	text := fmt.Sprintf("musafir %s 1\n%s\n", name, base64.StdEncoding.EncodeToString(append(bytes.Clone(key), sum[:8]...)))
	for _, file := range []string{name + copySuffix, name} {
		if err := WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// readKeyFile reads a key file, or its copy where it is damaged or gone, and
// mends whichever of the two is; if that fails, as on a full disk, the next start
// tries again.
func readKeyFile(dir, name string, size int) ([]byte, error) {
	key, err := parseKeyFile(filepath.Join(dir, name), name, size)
	second, errCopy := parseKeyFile(filepath.Join(dir, name+copySuffix), name, size)
	switch {
	case err == nil && errCopy == nil && !bytes.Equal(key, second):
		return nil, fmt.Errorf("%s and its copy %s hold different keys: put back the one that belongs to this directory", filepath.Join(dir, name), name+copySuffix)
	case err == nil && errCopy == nil:
		return key, nil
	case err == nil:
		_ = writeKeyFile(dir, name, key)
		return key, nil
	case errCopy == nil:
		_ = writeKeyFile(dir, name, second)
		return second, nil
	}
	return nil, fmt.Errorf("%w; its copy %s does not help either: put the file back from a backup, or move the directory aside and join the camp anew", err, name+copySuffix)
}

func parseKeyFile(path, name string, size int) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missingKeyFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	title, text, _ := strings.Cut(string(b), "\n")
	if title != "musafir "+name+" 1" {
		return nil, fmt.Errorf("key file %s is damaged: it should begin with \"musafir %s 1\"", path, name)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != size+8 {
		return nil, fmt.Errorf("key file %s is damaged: its second line is not a key", path)
	}
	key := raw[:size]
	if sum := sha256.Sum256(key); !bytes.Equal(raw[size:], sum[:8]) {
		return nil, fmt.Errorf("key file %s is damaged: the key does not fit its checksum", path)
	}
	return key, nil
}

// missingKeyFile is the path of a key file that is not there.
type missingKeyFile string

func (m missingKeyFile) Error() string   { return fmt.Sprintf("key file %s is missing", string(m)) }
func (m missingKeyFile) Is(e error) bool { return e == fs.ErrNotExist }

// deviceCipher protects the device key with the data key, so that the latter is
// the only secret that lies open until a passphrase wraps it.
func deviceCipher(dataKey []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, dataKey, nil, "musafir device key 1", keyBytes)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	return cipher.NewGCM(block)
}

func sealDeviceKey(device ed25519.PrivateKey, dataKey []byte) ([]byte, error) {
	aead, err := deviceCipher(dataKey)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, nonceBytes)
	rand.Read(nonce) // never fails
	return aead.Seal(nonce, nonce, device.Seed(), nil), nil
}

func openDeviceKey(sealed, dataKey []byte) (ed25519.PrivateKey, error) {
	aead, err := deviceCipher(dataKey)
	if err != nil {
		return nil, err
	}
	seed, err := aead.Open(nil, sealed[:nonceBytes], sealed[nonceBytes:], nil)
	if err != nil {
		return nil, errors.New("the device key does not open with this directory's data key: one of the two files is of another directory")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// WriteFile replaces a file, whole or not at all, and durably.
func WriteFile(path string, b []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}
