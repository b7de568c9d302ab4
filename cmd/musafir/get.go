package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"musafir/crdt"
)

func (a *app) getCommand() *cobra.Command {
	var at string
	var history bool
	c := &cobra.Command{
		Use:   "get COLLECTION ID",
		Short: "Show a record, now or as it was",
		Args:  recordArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if history {
				return a.history(c.Context(), args[0], args[1])
			}
			path := recordPath(args[0], args[1])
			if at != "" {
				path += "?at=" + url.QueryEscape(at)
			}
			return a.showRecord(c.Context(), http.MethodGet, path)
		},
	}
	c.Flags().StringVar(&at, "at", "", "as it was at an `ENTRY` or a time (2026-05-01T12:00:00Z)")
	c.Flags().BoolVar(&history, "history", false, "show who wrote what")
	return c
}

// showRecord makes a request whose answer is a record.
func (a *app) showRecord(ctx context.Context, method, path string) error {
	return a.with(ctx, func(c *client) error {
		doc, err := c.call(ctx, method, path, nil)
		if err != nil {
			return err
		}
		return a.printRecord(ctx, c, doc)
	})
}

func (a *app) listCommand() *cobra.Command {
	var where []string
	var limit int
	c := &cobra.Command{
		Use:   "list COLLECTION",
		Short: "List the records of a collection in the order of their ids",
		Args: func(c *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(1)(c, args); err != nil {
				return err
			}
			return crdt.ValidateCollection(args[0])
		},
		RunE: func(c *cobra.Command, args []string) error {
			return a.list(c.Context(), args[0], where, limit)
		},
	}
	c.Flags().StringArrayVar(&where, "where", nil, "only those in which `FIELD=TEXT`; may be given again")
	c.Flags().IntVar(&limit, "limit", 100, "at most `N` records")
	return c
}

func (a *app) list(ctx context.Context, collection string, where []string, limit int) error {
	query := url.Values{"where": where, "limit": {strconv.Itoa(limit)}}
	return a.with(ctx, func(c *client) error {
		doc, err := c.call(ctx, http.MethodGet, "/v1/records/"+url.PathEscape(collection)+"?"+query.Encode(), nil)
		if err != nil {
			return err
		}
		type page struct {
			Records []recordDoc `json:"records"`
			Next    string      `json:"next"`
		}
		err = answer(a, doc, func(w io.Writer, p page) {
			for i := range p.Records {
				fmt.Fprintf(w, "%s\t%s\n", printable(p.Records[i].ID), summary(p.Records[i].Fields))
			}
		})
		var p page
		if err == nil && !a.json && json.Unmarshal(doc, &p) == nil && p.Next != "" {
			a.say("There are more: use --limit, or export.")
		}
		return err
	})
}

const summaryWidth = 100

// summary is the first fields of a record on one line.
func summary(fields json.RawMessage) string {
	line := ""
	for _, f := range fieldsOf(fields) {
		line += f.name + "=" + f.text + " "
	}
	if runes := []rune(line); len(runes) > summaryWidth {
		return string(runes[:summaryWidth]) + "..."
	}
	return line
}
