package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

func (a *app) conflictsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "conflicts",
		Short: "List the fields that were written apart",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(cl *client) error {
				doc, err := cl.call(c.Context(), http.MethodGet, "/v1/conflicts?limit=10000", nil)
				if err != nil {
					return err
				}
				names, err := a.names(c.Context(), cl)
				if err != nil {
					return err
				}
				say := func() {}
				err = answer(a, doc, func(w io.Writer, doc conflictsDoc) {
					printConflicts(w, doc, names)
					say = func() { a.sayConflicts(doc.Conflicts) } // once the list is out
				})
				say()
				return err
			})
		},
	}
}

type conflictsDoc struct {
	Conflicts []conflictDoc `json:"conflicts"`
	Next      string        `json:"next"`
}

func printConflicts(w io.Writer, doc conflictsDoc, names deviceNames) {
	for _, c := range doc.Conflicts {
		if c.Field == "" {
			fmt.Fprintf(w, "%s/%s\n  shown\tthe record, alive\n", c.Collection, printable(c.ID))
		} else {
			fmt.Fprintf(w, "%s/%s  %s\n  shown\t%s\n", c.Collection, printable(c.ID), printable(c.Field), plain(c.Value))
		}
		for _, s := range c.Siblings {
			fmt.Fprintf(w, "  beside it\t%s\n", s.describe(c.Field, names))
		}
	}
	if doc.Next != "" {
		fmt.Fprintln(w, "... and more: settle some of these first")
	}
}

// sayConflicts says what to do about them.
func (a *app) sayConflicts(list []conflictDoc) {
	if len(list) == 0 {
		a.say("No conflicts.")
		return
	}
	c := &list[0]
	a.say("To settle the first: musafir resolve %s %s %s --value JSON, or --entry with an entry beside it.",
		shellWord(c.Collection), shellWord(c.ID), shellWord(c.Field))
}

func (a *app) resolveCommand() *cobra.Command {
	var entry, value string
	c := &cobra.Command{
		Use:   "resolve COLLECTION ID FIELD (--entry E | --value JSON)",
		Short: "Settle a conflict: pick one of the values, or write another",
		Long: `Settle a conflict: pick the value that an entry wrote (see conflicts), or write a
merged one. All values seen give way to it. FIELD is "" where a deletion met an edit;
its value is "alive" or "deleted".`,
		Args: recordArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("entry") == c.Flags().Changed("value") {
				return usage(errors.New("give either --entry or --value"))
			}
			body := map[string]any{"field": args[2]}
			if c.Flags().Changed("entry") {
				body["entry"] = entry
			} else if !json.Valid([]byte(value)) {
				return usage(errors.New(`--value is not JSON; a text needs quotes: --value '"text"'`))
			} else {
				body["value"] = json.RawMessage(value)
			}
			return a.resolve(c.Context(), args[0], args[1], body)
		},
	}
	c.Flags().StringVar(&entry, "entry", "", "pick the value of `ENTRY`")
	c.Flags().StringVar(&value, "value", "", "write this `JSON` value")
	return a.writes(c)
}

func (a *app) resolve(ctx context.Context, collection, id string, body map[string]any) error {
	return a.with(ctx, func(c *client) error {
		doc, err := c.call(ctx, http.MethodPost, recordPath(collection, id, "resolve"), body)
		if err != nil {
			return err
		}
		return a.printRecord(ctx, c, doc)
	})
}
