package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/text/unicode/norm" // one form of a passphrase, whatever keyboard it was typed on

	"musafir/node/api"
	"musafir/store"
)

// lockedBy is what opens the data, "" where that is not known.
func (d *device) lockedBy() string {
	kind, err := store.LockOf(d.Path)
	if err != nil {
		return ""
	}
	return string(kind)
}

// advice is what people should know about how the data is locked.
func (d *device) advice() []api.Advice {
	if !store.KeyBeside(d.Path) {
		return nil
	}
	return []api.Advice{{
		Text:   "The data on this device opens with the key file that lies beside it: whoever takes the device reads its records.",
		Remedy: "Lock it with a passphrase: musafir passphrase set",
	}}
}

// unlocking is how the command line says what opens the data.
type unlocking struct {
	asks    bool   // for the passphrase
	file    string // that holds it
	keyFile string
	known   *store.Lock // once it was read or typed
	tries   int         // at the terminal
}

func (u *unlocking) flags(c *cobra.Command) {
	f := c.PersistentFlags()
	f.BoolVar(&u.asks, "passphrase", false, "ask for the passphrase that locks the data")
	f.StringVar(&u.file, "passphrase-file", "", "`FILE` that holds the passphrase; a newline at its end does not count")
	f.StringVar(&u.keyFile, "key-file", "", "`FILE` that opens the data in place of a passphrase, such as one on a USB stick; init and join make it")
}

// check refuses two ways at once.
func (u *unlocking) check() error {
	if u.asks && u.file != "" || u.keyFile != "" && (u.asks || u.file != "") {
		return usage(errors.New("the data opens with one thing: say --passphrase, --passphrase-file FILE or --key-file FILE"))
	}
	return nil
}

const (
	passphraseTries    = 3
	maxPassphraseBytes = 1 << 10
)

// unlock opens a directory by what the flags say, or by asking where there is
// somebody to ask. What was typed is kept for the next time. A command that has the
// directory open for a moment may finish first; [store.ErrInUse] says that a daemon
// answers by now, or that something else keeps the directory.
func (a *app) unlock(ctx context.Context, dir string, open func(store.Lock) error) error {
	for deadline := time.Now().Add(startingWait); ; {
		err := a.unlockNow(ctx, dir, open)
		if !errors.Is(err, store.ErrInUse) || time.Now().After(deadline) || a.dial(ctx, dir) != nil {
			return err
		}
		if err := pause(ctx, startingPoll); err != nil {
			return err
		}
	}
}

func (a *app) unlockNow(ctx context.Context, dir string, open func(store.Lock) error) error {
	for {
		lock, typed, err := a.lock(ctx, dir)
		if err != nil {
			return err
		}
		err = open(lock)
		if lock.Passphrase != "" {
			debug.FreeOSMemory() // making a key of a passphrase takes 32 MiB
		}
		if !typed || !errors.Is(err, store.ErrWrongPassphrase) || a.tries >= passphraseTries {
			return err
		}
		a.known = nil
		a.say("That is not the passphrase.")
	}
}

// lock is what opens the directory, or shall if there is nothing in it yet.
func (a *app) lock(ctx context.Context, dir string) (lock store.Lock, typed bool, err error) {
	if a.known != nil {
		return *a.known, false, nil
	}
	switch {
	case a.keyFile != "":
		lock.KeyFile = a.keyFile
	case a.file != "":
		lock.Passphrase, err = readPassphrase("--passphrase-file", a.file)
	default:
		lock.Passphrase, typed, err = a.typedPassphrase(ctx, dir)
	}
	if err == nil {
		a.known = &lock
	}
	return lock, typed, err
}

// typedPassphrase asks for the passphrase where one is needed.
func (a *app) typedPassphrase(ctx context.Context, dir string) (phrase string, typed bool, err error) {
	kind, err := store.LockOf(dir)
	switch {
	case errors.Is(err, store.ErrNoCamp) && a.asks:
		phrase, err = a.newPassphrase(ctx)
		return phrase, true, err
	case err != nil || kind == store.ByKeyFile && !a.asks:
		return "", false, nil // whoever opens it says what is wrong
	case kind == store.ByKeyFile:
		return "", false, withHint(usage(fmt.Errorf("%s is not locked with a passphrase", dir)), "musafir passphrase set locks it with one.")
	}
	a.tries++
	phrase, err = a.askPassphrase(ctx, "Passphrase: ", "--passphrase-file FILE")
	return phrase, true, err
}

// newPassphrase asks twice.
func (a *app) newPassphrase(ctx context.Context) (string, error) {
	first, err := a.askPassphrase(ctx, "New passphrase: ", "--new-passphrase-file FILE with musafir passphrase, else --passphrase-file FILE")
	if err != nil {
		return "", err
	}
	again, err := a.askPassphrase(ctx, "The same again: ", "")
	if err == nil && again != first {
		err = usage(errors.New("the two are not the same; nothing was changed"))
	}
	return first, err
}

func (a *app) askPassphrase(ctx context.Context, prompt, instead string) (string, error) {
	text, err := a.askSecret(ctx, prompt)
	if errors.Is(err, errNoTerminal) {
		return "", usage(withHint(errors.New("a passphrase is needed, and there is no terminal to ask at"),
			"Put it into a file that only you can read, and name that: %s", instead))
	}
	if err != nil {
		return "", err
	}
	return checkPassphrase(text)
}

// readPassphrase reads a file that holds nothing else.
func readPassphrase(flag, path string) (string, error) {
	return readSecret(flag, path, checkPassphrase)
}

// readSecret reads the file that a flag names, and checks what is in it.
func readSecret(flag, path string, check func(string) (string, error)) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", usage(fmt.Errorf("%s: %w", flag, err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPassphraseBytes+3))
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	text := strings.TrimPrefix(string(b), "\ufeff") // which some editors of Windows put before it
	text, err = check(strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"))
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", flag, path, err)
	}
	return text, nil
}

// isUnseen tells of marks of direction and the like. Two that join letters or keep them
// apart belong to the writing of some languages.
func isUnseen(r rune) bool {
	const zwnj, zwj = '\u200c', '\u200d'
	return unicode.Is(unicode.Cf, r) && r != zwnj && r != zwj
}

func checkPassphrase(text string) (string, error) {
	switch {
	case text == "":
		return "", usage(errors.New("the passphrase is empty"))
	case len(text) > maxPassphraseBytes:
		return "", usage(fmt.Errorf("the passphrase has more than %d bytes", maxPassphraseBytes))
	case !utf8.ValidString(text):
		return "", usage(errors.New("the passphrase is not UTF-8 text"))
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", usage(errors.New("the passphrase has a line break or another control character in it"))
	case strings.ContainsFunc(text, isUnseen):
		return "", usage(errors.New("the passphrase has a character in it that shows nothing and that nobody could type again"))
	}
	return norm.NFC.String(text), nil
}
