package store

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A stagedKey is what one of the two staged files holds.
type stagedKey struct {
	sealed []byte
	key    ed25519.PrivateKey
}

func (k *stagedKey) public() ed25519.PublicKey { return k.key.Public().(ed25519.PublicKey) }

// stagedNames are in the order in which they are removed: the other way round than
// they are written.
var stagedNames = []string{nextName, nextName + copySuffix}

// staged reads both staged files, each on its own: a power cut may have left one of
// them, and a program before this one two different keys. One that is damaged counts
// for nothing beside one that is whole; if none is, a key is lost, maybe the only one
// of a log, and somebody must look.
func (d *Dir) staged() (keys []stagedKey, err error) {
	var damages []error
	for _, name := range stagedNames {
		k, err := d.stagedIn(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			damages = append(damages, err)
		default:
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 && damages != nil {
		return nil, fmt.Errorf("%w: put %s back from a backup, or move the directory aside and join the camp anew", errors.Join(damages...), nextName)
	}
	return keys, nil
}

func (d *Dir) stagedIn(name string) (k stagedKey, err error) {
	if k.sealed, err = parseKeyFile(d.file(name), nextName, sealedDeviceBytes); err != nil {
		return k, err
	}
	if k.key, err = openDeviceKey(k.sealed, d.dataKey); err != nil {
		return k, fmt.Errorf("%s: %w", d.file(name), err)
	}
	return k, nil
}

// removeStaged makes sure that the files do not come back after a power cut.
func (d *Dir) removeStaged() error {
	for _, name := range stagedNames {
		if err := os.Remove(d.file(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	if err := syncDir(d.Path); err != nil {
		return fmt.Errorf("remove %s: %w", nextName, err)
	}
	return nil
}

func (d *Dir) file(name string) string { return filepath.Join(d.Path, name) }
