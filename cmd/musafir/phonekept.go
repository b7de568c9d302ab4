package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"musafir/store"
)

// phonesName is the file of a device that serves phones whenever it is up, or did once.
const phonesName = "phones.json"

// A keptPhones is that file.
type keptPhones struct {
	Address string `json:"address"`       // HOST:PORT
	Off     bool   `json:"off,omitempty"` // phones are served no more; the address is for when they are again
}

// A keptPlace is where a device serves phones for good.
type keptPlace struct {
	at    phoneAddress
	known bool // somebody said where
	off   bool // phones are served no more
}

// readKeptPhones reads what was said of it.
func readKeptPhones(dir string) (place keptPlace, err error) {
	path := filepath.Join(dir, phonesName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return place, nil
	}
	if err != nil {
		return place, fmt.Errorf("read where phones are served: %w", err)
	}
	var kept keptPhones
	err = json.Unmarshal(b, &kept)
	if err == nil {
		place.at, err = parsePhoneAddress(kept.Address)
	}
	if err != nil {
		return place, withHint(fmt.Errorf("%s is damaged: %w", path, err), "Remove the file; musafir phone makes another one.")
	}
	place.known, place.off = true, kept.Off
	return place, nil
}

// keepPhones serves phones there for good.
func keepPhones(dir string, a phoneAddress) error {
	return writeKeptPhones(dir, keptPhones{Address: a.String()})
}

func writeKeptPhones(dir string, kept keptPhones) error {
	b, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	return store.WriteFile(filepath.Join(dir, phonesName), append(b, '\n'), 0o600)
}

// endPhones ends that. Where it was is kept: phones know this device by its address. A file
// that cannot be read is removed.
func endPhones(dir string) error {
	place, err := readKeptPhones(dir)
	if err == nil && place.known {
		return writeKeptPhones(dir, keptPhones{Address: place.at.String(), Off: true})
	}
	if err := os.Remove(filepath.Join(dir, phonesName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep that phones are no longer served: %w", err)
	}
	return nil
}
