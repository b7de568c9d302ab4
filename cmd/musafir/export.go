package main

import (
	"context"
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
			return a.stream(c.Context(), path)
		},
	}
	c.Flags().StringVar(&collection, "collection", "", "only this `COLLECTION`")
	return c
}

// stream copies an answer of many lines to the output.
func (a *app) stream(ctx context.Context, path string) error {
	return a.with(ctx, func(c *client) error {
		resp, err := c.send(ctx, http.MethodGet, path, nil, http.Header{"Accept": {"application/x-ndjson"}})
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(a.out, resp.Body); err != nil && ctx.Err() == nil {
			return fmt.Errorf("the output is cut off: %w", err)
		}
		return nil
	})
}

func (a *app) watchCommand() *cobra.Command {
	var since, collection string
	c := &cobra.Command{
		Use:   "watch",
		Short: "Print what changes, one record a line, until Ctrl-C",
		Long: `Print what changes, one record a line, until Ctrl-C. Each line has a cursor; --since
goes on behind it. Without --since everything there is comes first.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			query := url.Values{"follow": {"true"}}
			if since != "" {
				query.Set("since", since)
			}
			if collection != "" {
				query.Set("collection", collection)
			}
			return a.stream(c.Context(), "/v1/changes?"+query.Encode())
		},
	}
	c.Flags().StringVar(&since, "since", "", "only what came after `N`, a position or a cursor")
	c.Flags().StringVar(&collection, "collection", "", "only this `COLLECTION`")
	return c
}
