package main

import (
	"bytes"
	"strings"
	"testing"
	"text/tabwriter"

	"musafir/node/api"
)

func TestPrintPhones(t *testing.T) {
	all := api.Phones{RequireApproval: true, Phones: []api.Phone{
		{ID: "p-1", Name: "Amina K.", Email: "amina@example.org", LastSync: "2026-11-20T09:00:00.000Z", Device: "desk-id", Approved: true, Clock: -2 * 3600 * 1000,
			Held: []api.HeldPhone{{Table: "visits", ID: "v-1", Why: "it belongs to no patient\x1b[2J"}}, HeldCount: 8},
		{ID: "p-2", Name: "Ali", Phone: "old tablet", FailedPush: &api.FailedPush{Time: "2026-11-20T10:00:00.000Z", Why: "The disk is nearly full"}},
		{ID: "p-3", Approved: true, Revoked: true, Clock: 100_000},
	}}
	print := func(all api.Phones) string {
		var b bytes.Buffer
		w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
		printPhones(w, &all, deviceNames{"desk-id": "desk"})
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	got := print(all)
	for _, want := range []string{
		"p-1    Amina K. <amina@example.org>", " with desk  let in; its clock is 2h0m0s behind ours\n",
		"p-2    Ali, old tablet", "never", "waits for approval; what it sent at " + localText("2026-11-20T10:00:00.000Z") + " was not taken: The disk is nearly full\n",
		"p-3    a user who is no more", "shut out\n",
		"\nHeld back of what Amina K. <amina@example.org> sent, and not shown to others:\n  visits/v-1: it belongs to no patient\\u001b[2J\n  ... and 7 rows more: musafir phone held\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	all.RequireApproval = false
	if got := print(all); strings.Contains(got, "waits") {
		t.Errorf("no approval is required:\n%s", got)
	}
}
