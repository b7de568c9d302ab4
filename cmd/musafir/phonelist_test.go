package main

import (
	"bytes"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

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
		"p-1    Amina K. <amina@example.org>", " with desk  let in; its clock is 2 hours behind ours\n",
		"p-2    Ali, old tablet", "never", "waits for approval; what it sent at " + localText("2026-11-20T10:00:00.000Z") + " was not taken: The disk is nearly full\n",
		"p-3    a user who is no more", "shut out\n",
		"\nHeld back of what Amina K. <amina@example.org> sent, and not shown to others:\n  visits/v-1: it belongs to no patient\\u001b[2J\n  ... and 7 rows more: musafir phone held\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	for words, none := range map[string]api.Phones{"not served here now: musafir phone sees": {}, "yet. musafir phone shows the QR code": {URL: "http://10.0.0.1:4001"}} {
		if got := print(none); !strings.Contains(got, "No phone has logged in yet. ") || !strings.Contains(got, words) {
			t.Errorf("%q is not in\n%s", words, got)
		}
	}
	all.RequireApproval = false
	if got := print(all); strings.Contains(got, "waits") {
		t.Errorf("no approval is required:\n%s", got)
	}
}

func TestSpanWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		3 * time.Minute: "3 minutes", time.Hour: "1 hour", 130*time.Minute + 20*time.Second: "2 hours 10 minutes", 47*time.Hour + 59*time.Minute + 40*time.Second: "48 hours",
		61 * time.Minute: "1 hour 1 minute", 60 * time.Hour: "3 days", 730 * 24 * time.Hour: "730 days",
	} {
		if got := spanWords(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}
