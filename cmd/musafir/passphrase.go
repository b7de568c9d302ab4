package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"musafir/store"
)

func (a *app) passphraseCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "passphrase",
		Short: "Lock the data on this device with a passphrase",
		Long: `Lock the data on this device with a passphrase, which "musafir up" and each command
on a device that is not up then ask for. The data itself is not written anew, so this
takes a moment, also while the device is up. There is no way back into the data without
the passphrase: what other devices of the camp hold is not touched by it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		a.newPassphraseCommand("set", "Lock the data with a passphrase in place of the key file", store.ByKeyFile),
		a.newPassphraseCommand("change", "Replace the passphrase", store.ByPassphrase),
		a.passphraseRemoveCommand(),
	)
	return c
}

// newPassphraseCommand replaces what opens the data by a new passphrase.
func (a *app) newPassphraseCommand(use, short string, from store.LockKind) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if from == store.ByKeyFile { // there is no passphrase yet: one that is given can only be the new one
				if a.asks = false; file == "" {
					file, a.file = a.file, ""
				}
			}
			return a.relock(c.Context(), from, func(ctx context.Context) (store.Lock, error) { return a.newLock(ctx, file) })
		},
	}
	c.Flags().StringVar(&file, "new-passphrase-file", "", "`FILE` that holds the new passphrase; else it is asked for")
	return c
}

func (a *app) passphraseRemoveCommand() *cobra.Command {
	var to store.Lock
	c := &cobra.Command{
		Use:   "remove",
		Short: "Lock the data with a key file in place of the passphrase",
		Long: `Lock the data with a key file in place of the passphrase: one beside the data, or the
one that --new-key-file names. Whoever has both reads the records.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.relock(c.Context(), store.ByPassphrase, func(context.Context) (store.Lock, error) { return to, nil })
		},
	}
	c.Flags().StringVar(&to.KeyFile, "new-key-file", "", "`FILE` that shall open the data; it is made if it is not there")
	return c
}

func (a *app) newLock(ctx context.Context, file string) (lock store.Lock, err error) {
	if file != "" {
		lock.Passphrase, err = readPassphrase("--new-passphrase-file", file)
	} else {
		lock.Passphrase, err = a.newPassphrase(ctx)
	}
	return lock, err
}

// relock changes what opens the data, which must be locked in that way.
func (a *app) relock(ctx context.Context, kind store.LockKind, to func(context.Context) (store.Lock, error)) error {
	dir := a.dataDir()
	is, err := store.LockOf(dir)
	if err != nil {
		return explainOpen(dir, err)
	}
	if is != kind {
		return wrongKind(dir, is)
	}
	var from, next store.Lock
	err = a.unlock(ctx, dir, func(l store.Lock) error { from = l; return store.CheckLock(dir, l) })
	if err != nil {
		return explainOpen(dir, err)
	}
	if next, err = to(ctx); err != nil {
		return err
	}
	if err := store.Relock(dir, from, next); err != nil {
		return explainOpen(dir, err)
	}
	return a.sayRelocked(dir, from, next)
}

func wrongKind(dir string, is store.LockKind) error {
	if is == store.ByPassphrase {
		return withHint(usage(fmt.Errorf("%s is locked with a passphrase already", dir)), "musafir passphrase change replaces it.")
	}
	return withHint(usage(fmt.Errorf("%s is not locked with a passphrase", dir)), "musafir passphrase set locks it with one.")
}

// shortPassphrase is what a thief with one computer tries in days.
const shortPassphrase = 10

func (a *app) sayRelocked(dir string, from, to store.Lock) error {
	switch {
	case a.json:
		kind, err := store.LockOf(dir)
		return errors.Join(err, a.printJSON(map[string]string{"lock": string(kind)}))
	case to.Passphrase == "":
		a.print("The data in %s opens with the key file %s now, and with no passphrase: whoever has both reads it.\n", dir, keyFileOf(dir, to))
		return nil
	}
	a.print("The data in %s is locked with the new passphrase now. Nobody can open it without: write it down, and keep that apart from this device.\n", dir)
	if from.Passphrase == "" && from.KeyFile == "" {
		a.print("The key file that lay beside the data is removed. Copies of it, in a backup or in what the disk keeps of erased files, would open copies of %q made until now.\n", "data-key")
	}
	if from.KeyFile != "" {
		a.print("The key file %s does not open this device any more.\n", from.KeyFile)
	}
	a.warnShort(to)
	return nil
}

func (a *app) warnShort(l store.Lock) {
	if n := utf8.RuneCountInString(l.Passphrase); n > 0 && n < shortPassphrase {
		a.say("The passphrase is short: somebody who has the device can try all of that length. Four or five words that do not belong together are better.")
	}
}

func keyFileOf(dir string, l store.Lock) string {
	if l.KeyFile != "" {
		return l.KeyFile
	}
	return filepath.Join(dir, "key")
}
