package store

import (
	"fmt"
	"path/filepath"
)

// Relock lets another lock open the directory; the data stays as it is. It is done or
// not done, whenever it is cut off. The directory may be open elsewhere. A passphrase
// makes the directory's own key file go.
func Relock(path string, from, to Lock) error {
	if err := readFormat(path); err != nil {
		return err
	}
	lock, err := lockDir(path)
	if err != nil {
		return err
	}
	defer lock.Close()
	dataKey, err := openLock(path, from)
	if err != nil {
		return err
	}
	w, err := wrap(path, dataKey, to)
	if err != nil {
		return err
	}
	if err := w.write(path); err != nil {
		return err
	}
	if w.kind == ByPassphrase {
		return destroyWhere(path, func(name string) bool { return isOf(name, keyFileName) })
	}
	return nil
}

// CheckLock tells whether a lock opens the directory.
func CheckLock(path string, with Lock) error {
	_, err := openLock(path, with)
	return err
}

// KeyBeside tells whether a directory's own key file opens it, so that whoever has the
// directory has its data.
func KeyBeside(path string) bool {
	w, err := readWrapped(path)
	if err != nil || w.kind != ByKeyFile {
		return false
	}
	_, err = parseIdentity(filepath.Join(path, keyFileName))
	return err == nil
}

// openLock gives the data key, if it is the directory's.
func openLock(path string, with Lock) ([]byte, error) {
	w, err := readWrapped(path)
	if err != nil {
		return nil, err
	}
	dataKey, err := w.unwrap(path, with)
	if err != nil {
		return nil, err
	}
	sealed, err := readKeyFile(path, deviceName, sealedDeviceBytes)
	if err != nil {
		return nil, err
	}
	if _, err := openDeviceKey(sealed, dataKey); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return dataKey, nil
}
