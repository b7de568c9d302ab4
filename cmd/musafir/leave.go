package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"musafir/crdt"
	"musafir/store"
)

// leftName is the database of a camp that was left, on its way out.
const leftName = "db.left"

// openFree opens a directory from which a camp can be joined: one that holds none
// yet, or one of this device alone without a record.
func openFree(path string, lock store.Lock) (*store.Dir, error) {
	if err := refuseForeign(path); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(filepath.Join(path, leftName)); err != nil {
		return nil, fmt.Errorf("tidy up: %w", err)
	}
	dir, err := store.CreateDir(path, store.Options{Lock: lock})
	if err != nil || dir.Identity() == (store.Identity{}) {
		return dir, err
	}
	if err := refuseUsed(dir); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

// openFree opens it by what the flags say, or somebody types.
func (a *app) openFree(ctx context.Context, path string) (dir *store.Dir, err error) {
	err = a.unlock(ctx, path, func(lock store.Lock) error {
		dir, err = openFree(path, lock)
		return err
	})
	return dir, explainOpen(path, err)
}

// refuseUsed keeps a camp that holds more than the first entries of its two logs: a
// record, deleted or not, or another device.
func refuseUsed(dir *store.Dir) error {
	entries, _, _, _ := dir.Counts()
	if branches := dir.Branches(); len(branches) <= 2 && entries <= uint64(len(branches)) {
		return nil
	}
	name := "a camp"
	if first, err := dir.Birth(crdt.LogID(dir.Identity().Camp)); err == nil {
		name = fmt.Sprintf("the camp %q", first.Founding.Camp)
	}
	return withHint(fmt.Errorf("%s holds %s already, with records or other devices, and a device is in one camp", dir.Path, name),
		"Join with another directory: musafir --data DIR join CODE. To take records along: musafir export >FILE, and once it has joined musafir --data DIR import FILE.")
}

// leaveCamp gives the directory of a free device without a camp. The keys stay; the
// database goes in one step, so that a kill leaves the old camp or none.
func leaveCamp(dir *store.Dir, lock store.Lock) (*store.Dir, error) {
	if dir.Identity() == (store.Identity{}) {
		return dir, nil
	}
	path := dir.Path
	if err := dir.Close(); err != nil {
		return nil, fmt.Errorf("close the camp that is left: %w", err)
	}
	left := filepath.Join(path, leftName)
	if err := os.Rename(filepath.Join(path, "db"), left); err != nil {
		return nil, fmt.Errorf("leave the old camp: %w", err)
	}
	if err := os.RemoveAll(left); err != nil {
		return nil, fmt.Errorf("leave the old camp: %w", err)
	}
	return store.CreateDir(path, store.Options{Lock: lock})
}
