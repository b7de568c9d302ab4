package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

type verifyDoc struct {
	Entries  uint64   `json:"entries"`
	Seals    uint64   `json:"seals"`
	Records  uint64   `json:"records"`
	Problems []string `json:"problems"`
}

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Check every entry, seal and record on this device",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(cl *client) error {
				doc, err := cl.call(c.Context(), http.MethodPost, "/v1/verify", nil)
				if err != nil {
					return err
				}
				var found verifyDoc
				err = answer(a, doc, func(w io.Writer, v verifyDoc) { v.print(w) })
				if err == nil && json.Unmarshal(doc, &found) == nil && len(found.Problems) > 0 {
					return errSaid
				}
				return err
			})
		},
	}
}

func (v *verifyDoc) print(w io.Writer) {
	for _, p := range v.Problems {
		fmt.Fprintf(w, "PROBLEM: %s\n", p)
	}
	if len(v.Problems) == 0 {
		fmt.Fprintf(w, "All is well: %d entries, %d seals and %d records checked.\n", v.Entries, v.Seals, v.Records)
	}
}
