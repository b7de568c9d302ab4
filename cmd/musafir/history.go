package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

func (a *app) historyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "history COLLECTION ID",
		Short: "Show who wrote what of a record, when, and having seen what",
		Args:  recordArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.history(c.Context(), args[0], args[1])
		},
	}
}

func (a *app) history(ctx context.Context, collection, id string) error {
	return a.with(ctx, func(c *client) error {
		doc, err := c.call(ctx, http.MethodGet, recordPath(collection, id, "history"), nil)
		if err != nil {
			return err
		}
		names, err := a.names(ctx, c)
		if err != nil {
			return err
		}
		type entries struct {
			Entries []historyDoc `json:"entries"`
		}
		return answer(a, doc, func(w io.Writer, h entries) {
			for _, e := range h.Entries {
				fmt.Fprintf(w, "%s\t%s\n", by(e.Author, names.of(e.Device), e.Time), short(e.Entry))
				for _, c := range e.Changes {
					fmt.Fprintf(w, "  %s\n", c.describe())
				}
			}
		})
	})
}

// describe says in words what an entry did to one field, or to the record.
func (c *changeDoc) describe() string {
	field := printable(c.Field)
	switch c.Op {
	case "remove":
		return field + " removed"
	case "order":
		return fmt.Sprintf("%s in the order %s", field, plain(c.Value))
	case "increment":
		return fmt.Sprintf("%s changed by %s", field, plain(c.Value))
	case "add_to_set":
		return fmt.Sprintf("%s gains %s", field, plain(c.Value))
	case "remove_from_set":
		return fmt.Sprintf("%s loses %s", field, plain(c.Value))
	}
	if c.Field == "" {
		return "the record is " + plain(c.Value)
	}
	return fmt.Sprintf("%s = %s", field, plain(c.Value))
}
