package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"musafir/node/api"
	"musafir/store"
)

func (a *app) wipeCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "wipe",
		Short: "Destroy all data on this device",
		Long: `Destroy all data on this device: its keys first, so that what is left on the disk can
be read by nobody, then the rest. A device that is up is stopped. No passphrase is needed.
What other devices hold is not touched.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.wipe(c.Context(), yes) },
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

const wipeWord = "wipe"

func (a *app) wipe(ctx context.Context, yes bool) error {
	dir := a.dataDir()
	if !store.HoldsData(dir) {
		return usage(fmt.Errorf("there is nothing of musafir in %s", dir))
	}
	if !yes {
		if err := a.askWipe(ctx, dir); err != nil {
			return err
		}
	}
	if err := store.DestroyKeys(dir); err != nil {
		return withHint(fmt.Errorf("the keys are NOT destroyed: %w", err), "Run it as the user to whom the directory belongs, or destroy the disk.")
	}
	a.say("The keys are destroyed.")
	if err := a.stopDaemon(ctx, dir); err != nil {
		return withHint(err, "Nobody can read what is on the disk any more, but that process still has it open: end it, then run musafir wipe again.")
	}
	removed, left, err := removeOurs(dir)
	if err != nil {
		return withHint(err, "Nobody can read it: its keys are gone. Remove it by hand.")
	}
	return a.sayWiped(dir, removed, left)
}

// askWipe says what will be lost, and asks.
func (a *app) askWipe(ctx context.Context, dir string) error {
	if a.terminal() == nil {
		return usage(errors.New("wipe destroys all data on this device, and there is no terminal to ask at: say --yes if that is meant"))
	}
	a.say("This destroys all data in %s.\n%s", dir, a.onlyHere(ctx))
	text, err := a.askLine(ctx, fmt.Sprintf("Type %q to do it: ", wipeWord))
	if err == nil && strings.TrimSpace(text) != wipeWord {
		err = errors.New("nothing was destroyed")
	}
	return err
}

// onlyHere says what no other device is known to hold.
func (a *app) onlyHere(ctx context.Context) string {
	const unknown = "Whether other devices hold what is on it is not known here."
	c := a.dial(ctx, a.dataDir())
	if c == nil {
		var err error
		if c, err = a.serveHere(a.dataDir(), store.Lock{KeyFile: a.keyFile}, reach{}); err != nil {
			return unknown
		}
	}
	defer c.close()
	doc, err := c.call(ctx, http.MethodGet, "/v1/peers", nil)
	var known peersDoc
	if err != nil || json.Unmarshal(doc, &known) != nil {
		return unknown
	}
	return lossWords(known)
}

func lossWords(known peersDoc) string {
	heard := slices.DeleteFunc(known.Peers, func(p api.Peer) bool { return p.LastHeard == "" })
	if len(heard) == 0 {
		return "This device has met no other one: what was written here is nowhere else."
	}
	best := slices.MinFunc(heard, func(x, y api.Peer) int { return int(min(x.Behind, 1<<31)) - int(min(y.Behind, 1<<31)) })
	if best.Behind == 0 {
		return fmt.Sprintf("The device %q holds all of it.", best.Name)
	}
	return fmt.Sprintf("Up to %s would be lost: the device %q, which holds the most of what is here, lacks them.", count(best.Behind, "entry", "entries"), best.Name)
}

// stopDaemon ends whoever has the directory open, and waits until it has let go.
func (a *app) stopDaemon(ctx context.Context, dir string) error {
	if !store.InUse(dir) {
		return nil
	}
	run, err := readRunFile(dir)
	if err != nil {
		return fmt.Errorf("another program has %s open", dir)
	}
	p, err := os.FindProcess(run.PID)
	if err != nil {
		return fmt.Errorf("stop musafir (process %d): %w", run.PID, err)
	}
	ends := []func() error{p.Kill}
	if a.dial(ctx, dir) != nil {
		ends = []func() error{func() error { return interrupt(p) }, p.Kill}
	}
	for _, end := range ends {
		_ = end() // whether it helps is seen by what follows
		if patiently(ctx, daemonEnd, func() bool { return !store.InUse(dir) }) {
			patiently(ctx, daemonAnswer, func() bool { return !isAlive(p) }) // it has let go, and has a few words to say
			a.say("Musafir, which ran here, is stopped.")
			return nil
		}
	}
	return fmt.Errorf("musafir still runs here (process %d)", run.PID)
}

// patiently waits for a condition, and tells whether it came.
func patiently(ctx context.Context, most time.Duration, met func() bool) bool {
	for deadline := time.Now().Add(most); !met(); {
		if time.Now().After(deadline) || pause(ctx, daemonPoll) != nil {
			return false
		}
	}
	return true
}

// isOurs tells of a file in a data directory whether musafir made it.
func isOurs(name string) bool {
	return store.IsOwnFile(name) || slices.ContainsFunc(ours, func(file string) bool {
		return name == file || store.IsTemporaryOf(name, file)
	})
}

// removeOurs removes what musafir wrote, the mark that there is a camp last, and the
// directory if nothing else is in it. It gives the bytes that were freed, and what is
// left.
func removeOurs(dir string) (bytes int64, left []string, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0, nil, fmt.Errorf("read data directory: %w", err)
	}
	slices.SortStableFunc(files, func(x, y fs.DirEntry) int { return last(x) - last(y) })
	for _, f := range files {
		if !isOurs(f.Name()) {
			left = append(left, f.Name())
			continue
		}
		path := filepath.Join(dir, f.Name())
		bytes += sizeOf(path)
		if err := os.RemoveAll(path); err != nil {
			return bytes, left, fmt.Errorf("remove: %w", err)
		}
	}
	_ = os.Remove(dir) // where it is empty
	return bytes, left, nil
}

func last(f fs.DirEntry) int {
	if f.Name() == "format" {
		return 1
	}
	return 0
}

func sizeOf(path string) (bytes int64) {
	_ = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if info, err := e.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil
	})
	return bytes
}

func (a *app) sayWiped(dir string, bytes int64, left []string) error {
	if a.json {
		return a.printJSON(map[string]any{"wiped": dir, "bytes": bytes})
	}
	a.print("%s is wiped: its keys were overwritten and removed, then %d MB of data, which nobody can read any more, wherever the disk may keep some of it.\n", dir, bytes>>20)
	if a.keyFile != "" {
		a.print("The key file %s was left.\n", a.keyFile)
	}
	if len(left) > 0 {
		a.print("What is not musafir's was left there: %s\n", printable(strings.Join(left, ", ")))
	}
	a.print("Other devices keep what they hold, and this device in their list.\n")
	return nil
}
