package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// demoRecords is a part of the Synthea sample population: synthetic patients, no
// real person. Apache-2.0, from smart-on-fhir generated-sample-data.
//
//go:embed demo.jsonl.gz
var demoRecords []byte

func (a *app) demoCommand() *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show on this machine how three devices merge; leaves nothing behind",
		Long: `Show on this machine how three devices merge. They are real ones: three processes
with directories of their own, which join by code and speak over the network of this
machine. On a terminal they stay up until Ctrl-C. Nothing is left behind.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.demo(c.Context(), once || !a.interactive())
		},
	}
	c.Flags().BoolVar(&once, "once", false, "end when all was shown")
	return c
}

// interactive tells whether somebody sits before the output.
func (a *app) interactive() bool {
	f, ok := a.out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (a *app) print(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// demo tells the story; unless it is to be told once, its devices then stay up
// until ctx ends.
func (a *app) demo(ctx context.Context, once bool) (err error) {
	camp, err := newLocalCamp("", "musafir-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, camp.close()) }()
	story := &demoStory{app: a, camp: camp}
	if err := story.tell(ctx); err != nil {
		return err
	}
	if a.json {
		if err := a.printJSON(story.document()); err != nil {
			return err
		}
	}
	if once {
		return nil
	}
	if !a.json {
		a.sayUp(camp)
	}
	<-ctx.Done()
	return nil
}

// sayUp says where the devices are, and what to try.
func (a *app) sayUp(camp *localCamp) {
	a.print("\nThe three devices are up until Ctrl-C:\n")
	for _, d := range camp.devices {
		a.print("  %s\n    API %s, its token in %s\n", d.name, d.base, filepath.Join(d.dir, tokenName))
	}
	first, last := camp.devices[0], camp.devices[len(camp.devices)-1]
	a.print("\nTry in another window: write on one, and read it on another.\n")
	a.print("  %q --data %q put patients rahima given_name=Rahima phone=0170\n", camp.program, first.dir)
	a.print("  %q --data %q get patients rahima\n", camp.program, last.dir)
}
