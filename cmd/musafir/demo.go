package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// demoRecords is a part of the Synthea sample population: synthetic patients, no
// real person. Apache-2.0, from smart-on-fhir generated-sample-data.
//
//go:embed demo.jsonl.gz
var demoRecords []byte

func (a *app) demoCommand() *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show on this machine what merging does; leaves nothing behind",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.demo(c.Context(), once || !a.interactive())
		},
	}
	c.Flags().BoolVar(&once, "once", false, "end when all was shown")
	return c
}

// interactive tells whether somebody sits before the output.
func (a *app) interactive() bool {
	f, ok := a.out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// demo runs a device in a directory of its own and tells what it does.
func (a *app) demo(ctx context.Context, once bool) (err error) {
	dir, err := os.MkdirTemp("", "musafir-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	show := *a
	show.data = dir
	if _, err := found(dir, "Demo camp", "registration desk", slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	d, err := openDevice(dir, reach{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	token, err := apiToken(dir)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- newService(d, func() string { return token }, slog.New(slog.DiscardHandler), nil).run(ctx, l)
	}()
	c := &client{http: &http.Client{}, base: "http://" + l.Addr().String(), token: token}
	story := &demoStory{app: &show, client: c, ctx: ctx}
	if err := story.tell(); err != nil {
		cancel()
		return errors.Join(err, <-ended)
	}
	if !once {
		a.print("\nThe device is up until Ctrl-C. Look around in another window:\n  musafir --data %s list patients\n  musafir --data %s conflicts\n", dir, dir)
		if err := (&runFile{HTTP: c.base, Listen: []string{}, PID: os.Getpid()}).write(dir); err != nil {
			return err
		}
		<-ctx.Done()
	}
	cancel()
	return <-ended
}

func (a *app) print(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// A demoStory is what the demo does, step by step, through the API.
type demoStory struct {
	*app
	client *client
	ctx    context.Context //nolint:containedctx // lives as long as the story is told
}

func (s *demoStory) tell() error {
	patients, err := s.arrive()
	if err != nil {
		return err
	}
	for _, step := range []func([]recordDoc) error{s.apart, s.showMerged, s.settle, s.deleted, s.tellHistory} {
		if err := step(patients); err != nil {
			return err
		}
	}
	s.print("\nNothing was lost: every value that anybody wrote is in the history.\n")
	return nil
}

// arrive imports the records.
func (s *demoStory) arrive() ([]recordDoc, error) {
	s.print("1. A device takes in the records of a clinic.\n")
	resp, err := s.client.send(s.ctx, http.MethodPost, "/v1/import", bytes.NewReader(demoRecords), http.Header{"Content-Type": {"application/gzip"}})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var done importDoc
	if err := json.NewDecoder(resp.Body).Decode(&done); err != nil {
		return nil, err
	}
	var page struct{ Records []recordDoc }
	if err := s.get("/v1/records/patients", &page); err != nil {
		return nil, err
	}
	if len(page.Records) < 3 {
		return nil, errors.New("the demo's records are not complete")
	}
	s.print("   %d records of %d patients, and their visits, vitals and prescriptions.\n\n", done.Imported, len(page.Records))
	return page.Records, nil
}

// apart lets two people change the same patients, each having seen only what was
// there before.
func (s *demoStory) apart(p []recordDoc) error {
	s.print("2. Amina (triage) and Noor (pharmacy) work apart, on the same two patients.\n")
	steps := []struct {
		who    string
		on     *recordDoc
		fields map[string]string
	}{
		{"Amina", &p[0], map[string]string{"phone": "0170 111 111"}},
		{"Noor", &p[0], map[string]string{"camp": "Block 4"}},
		{"Amina", &p[1], map[string]string{"phone": "0170 222 222"}},
		{"Noor", &p[1], map[string]string{"phone": "0170 333 333"}},
	}
	for _, st := range steps {
		if err := s.patch(st.who, st.on, st.fields); err != nil {
			return err
		}
		for _, k := range sortedKeys(st.fields) {
			s.print("   %-5s writes %s of %s: %s\n", st.who, k, nameOf(st.on), st.fields[k])
		}
	}
	return nil
}

func (s *demoStory) showMerged(p []recordDoc) error {
	s.print("\n3. Their work meets.\n")
	a, err := s.record(p[0].ID)
	if err != nil {
		return err
	}
	s.print("   %s: different fields, so both are there and nobody is asked.\n", nameOf(a))
	s.fields(a, "phone", "camp")
	b, err := s.record(p[1].ID)
	if err != nil {
		return err
	}
	s.print("   %s: the same field, so one value is shown and the other stays beside it.\n", nameOf(b))
	s.fields(b, "phone")
	for _, sib := range b.Conflicts["phone"] {
		s.print("     beside it: %s, from %s\n", plain(sib.Value), sib.Author)
	}
	if len(a.Conflicts) != 0 || len(b.Conflicts["phone"]) != 1 {
		return errors.New("the demo did not merge as it should: please report this")
	}
	return nil
}

func (s *demoStory) settle(p []recordDoc) error {
	s.print("\n4. Amina asks the patient and settles it.\n")
	sib, err := s.record(p[1].ID)
	if err != nil {
		return err
	}
	pick := sib.Conflicts["phone"][0].Entry
	doc, err := s.as("Amina").call(s.ctx, http.MethodPost, recordPath("patients", p[1].ID, "resolve"), map[string]string{"field": "phone", "entry": pick})
	if err != nil {
		return err
	}
	var r recordDoc
	if err := json.Unmarshal(doc, &r); err != nil {
		return err
	}
	s.fields(&r, "phone")
	s.print("     conflicts left: %d\n", len(r.Conflicts))
	return nil
}

func (s *demoStory) deleted(p []recordDoc) error {
	s.print("\n5. Noor deletes a patient whom Amina, apart, still treats.\n")
	if err := s.patch("Amina", &p[2], map[string]string{"camp": "Block 7"}); err != nil {
		return err
	}
	change := map[string]any{"collection": "patients", "id": p[2].ID, "delete": true, "seen": p[2].Version}
	if _, err := s.as("Noor").call(s.ctx, http.MethodPost, "/v1/transactions", map[string]any{"changes": []any{change}}); err != nil {
		return err
	}
	r, err := s.record(p[2].ID)
	if err != nil {
		return err
	}
	if r.Deleted || len(r.Conflicts[""]) != 1 {
		return errors.New("the demo lost an edit to a deletion: please report this")
	}
	s.print("   %s stays: deleting never loses an edit. The deletion is shown beside it.\n", nameOf(r))
	return nil
}

func (s *demoStory) tellHistory(p []recordDoc) error {
	s.print("\n6. Who wrote what:\n")
	var h struct{ Entries []historyDoc }
	if err := s.get(recordPath("patients", p[1].ID, "history"), &h); err != nil {
		return err
	}
	for _, e := range h.Entries {
		who := e.Author
		if who == "" {
			who = "import"
		}
		var what []string
		for i := range e.Changes {
			what = append(what, e.Changes[i].describe())
		}
		s.print("   %s  %-6s  %s\n", localTime(e.Time), who, clip(strings.Join(what, ", "), 70))
	}
	return nil
}

func clip(text string, width int) string {
	if r := []rune(text); len(r) > width {
		return string(r[:width]) + "..."
	}
	return text
}

func (s *demoStory) as(who string) *client {
	c := *s.client
	c.as = who
	return &c
}

// patch changes fields for somebody who has seen the record as it was read first.
func (s *demoStory) patch(who string, r *recordDoc, fields map[string]string) error {
	b, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/merge-patch+json"}, "If-Match": {`"` + r.Version + `"`}}
	resp, err := s.as(who).send(s.ctx, http.MethodPatch, recordPath("patients", r.ID), bytes.NewReader(b), header)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

func (s *demoStory) get(path string, v any) error {
	doc, err := s.client.call(s.ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(doc, v)
}

func (s *demoStory) record(id string) (*recordDoc, error) {
	r := &recordDoc{}
	return r, s.get(recordPath("patients", id), r)
}

func (s *demoStory) fields(r *recordDoc, names ...string) {
	for _, f := range fieldsOf(r.Fields) {
		for _, n := range names {
			if f.name == n {
				s.print("     %s: %s\n", f.name, f.text)
			}
		}
	}
}

func nameOf(r *recordDoc) string {
	var f struct {
		Given   string `json:"given_name"`
		Surname string `json:"surname"`
	}
	_ = json.Unmarshal(r.Fields, &f) // a record without a name has none
	return f.Given + " " + f.Surname
}
