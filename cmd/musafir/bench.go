package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"musafir/crdt"
)

// A benchPlan is what to measure, and how large.
type benchPlan struct {
	records  int
	perEntry int    // records in an entry
	only     string // name of a scenario; "": all
	dir      string // where the devices keep their data; "": the system's temporary directory
	checks   int    // how often devices in sync check that they are
	writes   int    // that are timed one by one
}

// A scenario measures one thing between the two devices of a bench.
type scenario struct {
	name    string
	doing   string // said while it runs
	measure func(context.Context, *benchPair, benchPlan) (measured, error)
}

// What was measured prints itself as lines of a table, and is a document.
type measured interface {
	title() string
	columns() []column
}

// scenarios run in this order, on the same devices.
var scenarios = []scenario{
	{"full-sync", "syncing all to an empty device", fullSync},
	{"in-sync", "letting two devices check that they are in sync", inSync},
	{"differing", "changing records apart", differing},
	{"one-write", "writing one record after the other", oneWrite},
}

func scenarioNames() (names []string) {
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

func (a *app) benchCommand() *cobra.Command {
	plan := benchPlan{checks: 20, writes: 200}
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure on this machine how fast two devices sync",
		Long: `Measure on this machine how fast two devices sync. They are real ones: two processes
with encrypted stores of their own, which speak over the network of this machine.
The disk matters: name one with --dir. Nothing is left behind.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := plan.check(); err != nil {
				return usage(err)
			}
			return a.bench(c.Context(), plan)
		},
	}
	c.Flags().IntVar(&plan.records, "records", 10_000, "how many `RECORDS` the first device holds")
	c.Flags().IntVar(&plan.perEntry, "per-entry", 64, "how many `RECORDS` an entry has; clinics write 1")
	c.Flags().StringVar(&plan.only, "only", "", "measure only `NAME`: "+strings.Join(scenarioNames(), ", "))
	c.Flags().StringVar(&plan.dir, "dir", "", "keep the data below `DIR` meanwhile; else in the system's temporary directory")
	return c
}

func (p *benchPlan) check() error {
	switch {
	case p.records < 1:
		return fmt.Errorf("--records is %d, and must be 1 or more", p.records)
	case p.perEntry < 1 || p.perEntry > crdt.MaxChanges:
		return fmt.Errorf("--per-entry is %d, and must be 1 to %d", p.perEntry, crdt.MaxChanges)
	case p.only != "" && !slices.Contains(scenarioNames(), p.only):
		return fmt.Errorf("--only %s: there is %s", p.only, strings.Join(scenarioNames(), ", "))
	}
	return nil
}

func (a *app) bench(ctx context.Context, plan benchPlan) (err error) {
	camp, err := newLocalCamp(plan.dir, "musafir-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, camp.close()) }()
	defer a.working("") // nothing any more
	a.working("writing %d records on the first device", plan.records)
	pair, err := newBenchPair(ctx, camp, plan)
	if err != nil {
		return err
	}
	defer pair.relay.close()
	report := benchReport{Machine: thisMachine()}
	for _, s := range scenarios {
		// The full sync also makes the two devices that the others need.
		wanted := plan.only == "" || plan.only == s.name
		if !wanted && s.name != "full-sync" {
			continue
		}
		a.working("%s", s.doing)
		m, err := s.measure(ctx, pair, plan)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if wanted {
			report.add(s.name, m)
		}
	}
	a.working("")
	return a.printReport(&report)
}

// working says on a terminal what is being done, in place of what was said before.
func (a *app) working(format string, args ...any) {
	f, ok := a.errs.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return
	}
	text := fmt.Sprintf(format, args...)
	if text != "" {
		text += " ..."
	}
	fmt.Fprintf(f, "\r\x1b[K%s", text)
}
