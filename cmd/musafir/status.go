package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"musafir/node/api"
	"musafir/store"
)

const statusPoll = 100 * time.Millisecond

func (a *app) statusCommand() *cobra.Command {
	var wait string
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "status",
		Short: "Show how this device stands, or wait until it stands so",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			met, err := readCondition(wait)
			if err != nil {
				return usage(err)
			}
			return a.status(c.Context(), met, wait, timeout)
		},
	}
	c.Flags().StringVar(&wait, "wait", "", "wait for `CONDITION`: peers=N, synced or records=N")
	c.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long to wait at most")
	return c
}

// A condition tells whether a status is what somebody waits for.
type condition func(*statusDoc) bool

func readCondition(text string) (condition, error) {
	if text == "" {
		return func(*statusDoc) bool { return true }, nil
	}
	name, number, _ := strings.Cut(text, "=")
	n, err := strconv.ParseUint(number, 10, 64)
	switch {
	case text == "synced":
		// A device that reaches no other is in sync with nobody.
		return func(s *statusDoc) bool {
			return len(s.Peers) > 0 && !slices.ContainsFunc(s.Peers, func(p api.Peer) bool { return !p.Synced })
		}, nil
	case name == "peers" && err == nil:
		return func(s *statusDoc) bool { return uint64(len(s.Peers)) >= n }, nil
	case name == "records" && err == nil:
		return func(s *statusDoc) bool { return s.Counts.Records >= n }, nil
	}
	return nil, fmt.Errorf("%q is no condition: use peers=N, synced or records=N", text)
}

func (a *app) status(ctx context.Context, met condition, wait string, timeout time.Duration) error {
	if wait != "" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	if a.dial(ctx, a.dataDir()) == nil {
		defer a.sayDown()
	}
	for {
		doc, err := a.statusNow(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		var s statusDoc
		if err == nil {
			if err := json.Unmarshal(doc, &s); err != nil {
				return fmt.Errorf("read musafir's answer: %w", err)
			}
			if met(&s) {
				return answer(a, doc, printStatus)
			}
		}
		select {
		case <-time.After(statusPoll):
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return errInterrupted
			}
			return fmt.Errorf("waited %s for %s in vain", timeout, wait)
		}
	}
}

// sayDown says of what is shown that it is not all there could be.
func (a *app) sayDown() {
	if !a.json && a.interactive() {
		a.say("Musafir is not up here, so this is only what is on disk. To start it: musafir up")
	}
}

// statusNow asks once, and lets the store go between two looks at it.
func (a *app) statusNow(ctx context.Context) (doc json.RawMessage, err error) {
	err = a.with(ctx, func(c *client) error {
		doc, err = c.call(ctx, http.MethodGet, "/v1/status", nil)
		return err
	})
	return doc, err
}

func printStatus(w io.Writer, s statusDoc) {
	fmt.Fprintf(w, "camp\t%s\n", s.Camp.Name)
	fmt.Fprintf(w, "device\t%s (%s)\n", s.Device.Name, s.Device.Role)
	for _, text := range s.Warnings {
		fmt.Fprintf(w, "WARNING\t%s\n", printable(text))
	}
	for _, n := range s.Notices {
		fmt.Fprintf(w, "NOTICE\t%s: %s\n", localText(n.Time), printable(n.Text))
	}
	fmt.Fprintf(w, "records\t%d\n", s.Counts.Records)
	fmt.Fprintf(w, "conflicts\t%d\n", s.Counts.Conflicts)
	fmt.Fprintf(w, "entries\t%d\n", s.Counts.Entries)
	if s.Counts.Quarantined > 0 {
		fmt.Fprintf(w, "held back\t%d entries\n", s.Counts.Quarantined)
	}
	printInTouch(w, s)
	if s.Phones != nil {
		fmt.Fprintf(w, "phones\t%s\n", strings.Join(summaryWords(s.Phones), "; "))
	}
	if s.Lock != "" {
		fmt.Fprintf(w, "locked by\t%s\n", lockWords[s.Lock])
	}
	fmt.Fprintf(w, "disk\t%d MB used, %d MB free (%s)\n", s.Disk.Used>>20, s.Disk.Free>>20, s.Disk.State)
	fmt.Fprintf(w, "state root\t%s\n", s.StateRoot)
	fmt.Fprintf(w, "version\t%s\n", s.Version)
}

var lockWords = map[string]string{string(store.ByPassphrase): "a passphrase", string(store.ByKeyFile): "a key file"}

// printInTouch shows the devices that this one is in touch with.
func printInTouch(w io.Writer, s statusDoc) {
	if len(s.Peers) == 0 {
		fmt.Fprintf(w, "peers\tin touch with no other device (musafir peers says why)\n")
	}
	names := peerNames(s.Peers)
	for i := range s.Peers {
		fmt.Fprintf(w, "peer\t%s: %s\n", names[i], strings.Join(peerWords(&s.Peers[i], s.Version), "; "))
	}
}
