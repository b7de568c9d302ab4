package main

import (
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

func (a *app) phoneIncompleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "incomplete",
		Short: "List rows that name a patient, a visit, a clinic or the like that is not there",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(cl *client) error {
				doc, err := cl.call(c.Context(), http.MethodGet, "/v1/phones/incomplete?limit=10000", nil)
				if err != nil {
					return err
				}
				return answer(a, doc, printIncomplete)
			})
		},
	}
}

type incompleteDoc struct {
	Rows []struct {
		Table, ID, Column, Names, Why, Patient string
	} `json:"rows"`
	Next string `json:"next"`
}

func printIncomplete(w io.Writer, doc incompleteDoc) {
	if len(doc.Rows) == 0 {
		fmt.Fprintln(w, "No row names anything that is not there.")
		return
	}
	fmt.Fprintln(w, "ROW\tPATIENT\tCOLUMN\tNAMES\tWHY")
	for _, r := range doc.Rows {
		fmt.Fprintf(w, "%s/%s\t%s\t%s\t%s\t%s\n", r.Table, printable(r.ID), printable(r.Patient), r.Column, printable(r.Names), r.Why)
	}
	if doc.Next != "" {
		fmt.Fprintln(w, "... and more: mend some of these first")
	}
}
