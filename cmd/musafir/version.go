package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"musafir/crdt"
	"musafir/store"
)

// version is set when a release is built.
var version = "0.1.0-dev"

func programVersion() string { return version }

func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, changed := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+changes"
		}
	}
	return revision + changed
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the program's version and its formats",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			doc := map[string]any{
				"version": programVersion(), "commit": commit(),
				"formats": map[string]int{"entry": crdt.EntryVersion, "store": store.FormatVersion},
				"go":      runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
			}
			if a.json {
				return a.printJSON(doc)
			}
			_, err := fmt.Fprintf(a.out, "musafir %s (commit %s)\nformats: entry %d, store %d\n%s %s/%s\n",
				programVersion(), commit(), crdt.EntryVersion, store.FormatVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
