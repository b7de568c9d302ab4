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

// phonesName is the file of a device that serves phones whenever it is up.
const phonesName = "phones.json"

// A keptPhones is that file.
type keptPhones struct {
	Address string `json:"address"` // HOST:PORT
}

// readKeptPhones tells where a device serves phones for good; false: nowhere.
func readKeptPhones(dir string) (a phoneAddress, ok bool, err error) {
	path := filepath.Join(dir, phonesName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return a, false, nil
	}
	if err != nil {
		return a, false, fmt.Errorf("read where phones are served: %w", err)
	}
	var kept keptPhones
	err = json.Unmarshal(b, &kept)
	if err == nil {
		a, err = parsePhoneAddress(kept.Address)
	}
	if err != nil {
		return a, false, withHint(fmt.Errorf("%s is damaged: %w", path, err), "Remove the file; musafir phone makes another one.")
	}
	return a, true, nil
}

// keepPhones makes it so.
func keepPhones(dir string, a phoneAddress) error {
	b, err := json.Marshal(keptPhones{a.String()})
	if err != nil {
		return err
	}
	return store.WriteFile(filepath.Join(dir, phonesName), append(b, '\n'), 0o600)
}

// forgetPhones ends that.
func forgetPhones(dir string) error {
	if err := os.Remove(filepath.Join(dir, phonesName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep that phones are no longer served: %w", err)
	}
	return nil
}
