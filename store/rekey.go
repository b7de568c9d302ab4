package store

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
)

// A device gets a new key in three steps, so that a crash leaves one of the two
// states: the new key is staged in a file of its own; an entry tells of it, which
// is the point of no return; the file takes the place of the device key's.
//
// Whether the point of no return was passed is asked of the store alone: a staged key
// of which a log is held is never dropped, one of which none is held is of no use.

// Errors of staged keys.
var (
	errNoneStaged  = errors.New("no device key is staged")
	errNoStagedLog = errors.New("no log of the staged device key is held")
	errStagedLog   = errors.New("a log of the staged device key is held: it is to be installed, not dropped")
)

// StageDevice keeps a key that is about to become the device's. What was staged
// before goes first, so that at no moment two keys are.
func (d *Dir) StageDevice(key ed25519.PrivateKey) error {
	if err := d.settle(); err != nil {
		return err
	}
	sealed, err := sealDeviceKey(key, d.dataKey)
	if err != nil {
		return err
	}
	if err := writeKeyFile(d.Path, nextName, sealed); err != nil {
		return errors.Join(err, d.removeStaged())
	}
	return nil
}

// UnstageDevice drops a staged key whose entry could not be written. It is refused
// if a log of the key is held, or if only the next start can tell.
func (d *Dir) UnstageDevice() error {
	keys, err := d.staged()
	if err != nil || len(keys) == 0 {
		return err
	}
	held, err := d.heldOf(keys)
	if err == nil && held != nil {
		err = errStagedLog
	}
	if err != nil {
		return err
	}
	return d.dropStaged()
}

// InstallDevice makes the staged key the device's, once a log of that key is held.
func (d *Dir) InstallDevice() error {
	keys, err := d.staged()
	if err == nil && len(keys) == 0 {
		err = errNoneStaged
	}
	if err != nil {
		return err
	}
	held, err := d.heldOf(keys)
	if err == nil && held == nil {
		err = errNoStagedLog
	}
	if err != nil {
		return err
	}
	return d.install(held)
}

// install may be cut off anywhere and done again: the staged key goes last.
func (d *Dir) install(k *stagedKey) error {
	if err := writeKeyFile(d.Path, deviceName, k.sealed); err != nil {
		return err
	}
	d.Device = k.key
	return d.removeStaged()
}

// dropStaged goes back to the device's key. After a commit of which nobody knows
// whether it reached the disk, the staged key stays until the store is opened again.
func (d *Dir) dropStaged() error {
	if err := d.Broken(); err != nil {
		return fmt.Errorf("keep the staged device key until the next start: %w", err)
	}
	return d.removeStaged()
}

// readDevice reads the device key, once a change of keys that a crash broke off is
// finished.
func (d *Dir) readDevice() error {
	if err := d.settle(); err != nil || d.Device != nil {
		return err
	}
	sealed, err := readKeyFile(d.Path, deviceName, sealedDeviceBytes)
	if err != nil {
		return err
	}
	if d.Device, err = openDeviceKey(sealed, d.dataKey); err != nil {
		return fmt.Errorf("%s: %w", d.file(deviceName), err)
	}
	return nil
}

// settle finishes a change of keys that was begun: forward if a log of the new key
// is held, else back.
func (d *Dir) settle() error {
	keys, err := d.staged()
	if err != nil || len(keys) == 0 {
		return err
	}
	held, err := d.heldOf(keys)
	switch {
	case err != nil:
		return err
	case held == nil:
		return d.dropStaged()
	}
	return d.install(held)
}

// heldOf is the staged key of which a log is held, or nil. Of two, which only
// somebody's hand can bring about, it is the one whose log was begun later.
func (d *Dir) heldOf(keys []stagedKey) (held *stagedKey, err error) {
	var newest uint64
	for _, b := range d.Branches() {
		birth, err := d.Birth(b.Log)
		if err != nil {
			return nil, err
		}
		for i := range keys {
			if bytes.Equal(birth.Device, keys[i].public()) && (held == nil || birth.Ordinal > newest) {
				held, newest = &keys[i], birth.Ordinal
			}
		}
	}
	return held, nil
}
