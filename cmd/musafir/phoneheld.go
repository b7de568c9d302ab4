package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) phoneHeldCommand() *cobra.Command {
	return listing(a, "held", "List the rows of phones that are held back, with why", "/v1/phones/held?limit=10000", printHeldRows)
}

// A heldRowDoc is a row that a phone sent and that is held back.
type heldRowDoc struct {
	ID, Name, Table, Row, Why, Time string
}

type heldRowsDoc struct {
	Rows []heldRowDoc `json:"rows"`
	Next string       `json:"next"`
}

func (h *heldRowDoc) sender() string { return cmp.Or(h.Name, "a user who is no more") }

func printHeldRows(w io.Writer, doc heldRowsDoc) {
	if len(doc.Rows) == 0 {
		fmt.Fprintln(w, "No row is held back.")
		return
	}
	fmt.Fprintln(w, "ID\tSENT\tBY\tROW\tWHY")
	for i := range doc.Rows {
		h := &doc.Rows[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s/%s\t%s\n", printable(h.ID), localText(h.Time), printable(h.sender()), printable(h.Table), printable(h.Row), printable(h.Why))
	}
	if doc.Next != "" {
		fmt.Fprintln(w, "... and more: see to some of these first")
	}
}

func (a *app) phoneDropCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "drop ID",
		Short: "Give up a row that is held back; phone held shows the ids",
		Args:  oneID("the row's ID is missing: musafir phone held shows it"),
		RunE:  func(c *cobra.Command, args []string) error { return a.drop(c.Context(), args[0], yes) },
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return a.writes(c)
}

func (a *app) drop(ctx context.Context, id string, yes bool) error {
	path := "/v1/phones/held/" + url.PathEscape(id)
	return a.with(ctx, func(c *client) error {
		doc, err := c.call(ctx, http.MethodGet, path, nil)
		if err != nil {
			return explainHeld(err)
		}
		var h heldRowDoc
		if err := json.Unmarshal(doc, &h); err != nil {
			return fmt.Errorf("read musafir's answer: %w", err)
		}
		if !yes {
			if err := a.askDrop(ctx, &h); err != nil {
				return err
			}
		}
		if _, err := c.call(ctx, http.MethodDelete, path, nil); err != nil {
			return explainHeld(err)
		}
		if a.json {
			return a.printDocument(doc)
		}
		a.say("Dropped: %s/%s, which %s sent. It is held back no more.", printable(h.Table), printable(h.Row), printable(h.sender()))
		return nil
	})
}

// askDrop says what will be lost, and asks.
func (a *app) askDrop(ctx context.Context, h *heldRowDoc) error {
	if a.terminal() == nil {
		return usage(errors.New("what is dropped is lost to everybody, and there is no terminal to ask at: say --yes if that is meant"))
	}
	a.say("This drops what %s sent at %s of %s/%s. It is held back because: %s.", printable(h.sender()), localText(h.Time), printable(h.Table), printable(h.Row), printable(h.Why))
	a.say("What others do not see of it is lost to them: it will be merged no more, and only the history keeps it. The phone may show it still.")
	text, err := a.askLine(ctx, "Drop it? [y/N] ")
	if err != nil {
		return err
	}
	if answer := strings.ToLower(strings.TrimSpace(text)); answer != "y" && answer != "yes" {
		return errors.New("nothing was dropped")
	}
	return nil
}

func explainHeld(err error) error {
	var p *problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return withHint(err, "musafir phone held shows which there are.")
	}
	return err
}
