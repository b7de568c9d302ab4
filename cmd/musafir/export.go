package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (a *app) exportCommand() *cobra.Command {
	var collection string
	c := &cobra.Command{
		Use:   "export",
		Short: "Print all records, one a line, as import takes them",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			path := "/v1/export"
			if collection != "" {
				path += "?collection=" + url.QueryEscape(collection)
			}
			return a.with(c.Context(), func(cl *client) error {
				if err := a.stream(c.Context(), cl, path); err != nil {
					return fmt.Errorf("the export is cut off: %w", err)
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&collection, "collection", "", "only this `COLLECTION`")
	return c
}

// stream copies an answer of many lines to the output.
func (a *app) stream(ctx context.Context, c *client, path string) error {
	resp, err := c.send(ctx, http.MethodGet, path, nil, http.Header{"Accept": {"application/x-ndjson"}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(a.out, resp.Body)
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

func (a *app) watchCommand() *cobra.Command {
	var since, collection string
	c := &cobra.Command{
		Use:   "watch",
		Short: "Print what changes, one record a line, until Ctrl-C",
		Long: `Print what changes, one record a line, until Ctrl-C, on a device that is up. Each line
has a cursor; --since goes on behind it. Without --since everything there is comes first.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			query := url.Values{"follow": {"true"}}
			if since != "" {
				query.Set("since", since)
			}
			if collection != "" {
				query.Set("collection", collection)
			}
			return a.watch(c.Context(), "/v1/changes?"+query.Encode())
		},
	}
	c.Flags().StringVar(&since, "since", "", "only what came after `N`, a position or a cursor")
	c.Flags().StringVar(&collection, "collection", "", "only this `COLLECTION`")
	return c
}

// watch follows the running daemon: with none nothing changes, as long as this
// process has the store open.
func (a *app) watch(ctx context.Context, path string) error {
	c := a.dial(ctx, a.dataDir())
	if c == nil {
		return withHint(errors.New("musafir is not running on this directory, so nothing changes"), "Start it in another window: musafir up")
	}
	err := a.stream(ctx, c, path)
	if errors.Is(err, errInterrupted) {
		return nil
	}
	if err == nil || isBroken(err) {
		return withHint(errors.New("musafir stopped, or the device's token was replaced"), "Go on later with --since and the last line's cursor.")
	}
	return err
}

// isBroken tells a connection that broke from an answer that says no.
func isBroken(err error) bool {
	var p *problem
	return !errors.As(err, &p)
}
