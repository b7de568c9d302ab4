package main

import (
	"net/http"

	"github.com/spf13/cobra"
)

func (a *app) deleteCommand() *cobra.Command {
	return a.writes(&cobra.Command{
		Use:   "delete COLLECTION ID",
		Short: "Delete a record; an edit made elsewhere meanwhile keeps it alive",
		Args:  recordArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(cl *client) error {
				_, err := cl.call(c.Context(), http.MethodDelete, recordPath(args[0], args[1]), nil)
				if err == nil {
					a.say("Deleted %s/%s. It can be brought back: musafir undelete %s %s", args[0], args[1], args[0], args[1])
				}
				return err
			})
		},
	})
}

func (a *app) undeleteCommand() *cobra.Command {
	return a.writes(&cobra.Command{
		Use:   "undelete COLLECTION ID",
		Short: "Bring a deleted record back",
		Args:  recordArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.showRecord(c.Context(), http.MethodPost, recordPath(args[0], args[1], "undelete"))
		},
	})
}
