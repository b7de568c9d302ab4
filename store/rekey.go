package store

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A device gets a new key in three steps, so that a crash leaves one of the two
// states: the new key is staged in a file of its own; an entry tells of it, which
// is the point of no return; the file takes the place of the device key's.

// StageDevice keeps a key that is about to become the device's.
func (d *Dir) StageDevice(key ed25519.PrivateKey) error {
	sealed, err := sealDeviceKey(key, d.dataKey)
	if err != nil {
		return err
	}
	return writeKeyFile(d.Path, nextName, sealed)
}

// InstallDevice makes the staged key the device's, once a log of that key is held.
func (d *Dir) InstallDevice() error {
	sealed, err := readKeyFile(d.Path, nextName, sealedDeviceBytes)
	if err != nil {
		return err
	}
	key, err := openDeviceKey(sealed, d.dataKey)
	if err != nil {
		return err
	}
	if err := writeKeyFile(d.Path, deviceName, sealed); err != nil {
		return err
	}
	d.Device = key
	return d.dropStaged()
}

func (d *Dir) dropStaged() error {
	for _, name := range []string{nextName, nextName + copySuffix} {
		if err := os.Remove(filepath.Join(d.Path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return nil
}

// readDevice reads the device key, and finishes a change of keys that a crash broke
// off: forward if a log of the new key is held, else back.
func (d *Dir) readDevice() error {
	if _, err := os.Stat(filepath.Join(d.Path, nextName+copySuffix)); err == nil {
		if err := d.finishRekey(); err != nil || d.Device != nil {
			return err
		}
	}
	sealed, err := readKeyFile(d.Path, deviceName, sealedDeviceBytes)
	if err != nil {
		return err
	}
	if d.Device, err = openDeviceKey(sealed, d.dataKey); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(d.Path, deviceName), err)
	}
	return nil
}

func (d *Dir) finishRekey() error {
	sealed, err := readKeyFile(d.Path, nextName, sealedDeviceBytes)
	if err != nil {
		return err
	}
	key, err := openDeviceKey(sealed, d.dataKey)
	if err != nil {
		return err
	}
	for _, b := range d.Branches() {
		birth, err := d.Birth(b.Log)
		if err != nil {
			return err
		}
		if bytes.Equal(birth.Device, key.Public().(ed25519.PublicKey)) {
			return d.InstallDevice()
		}
	}
	return d.dropStaged()
}
