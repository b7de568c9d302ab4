package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"musafir/node/api"
)

// printJSON prints a document of our own.
func (a *app) printJSON(doc any) error {
	b, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return a.printDocument(b)
}

// printDocument prints the API's document, indented.
func (a *app) printDocument(doc json.RawMessage) error {
	var buf bytes.Buffer
	if err := json.Indent(&buf, bytes.TrimSpace(doc), "", "  "); err != nil {
		return fmt.Errorf("read musafir's answer: %w", err)
	}
	buf.WriteByte('\n')
	_, err := a.out.Write(buf.Bytes())
	return err
}

// The documents of the API, as far as text output needs them.
type (
	recordDoc struct {
		Collection string                  `json:"collection"`
		ID         string                  `json:"id"`
		Fields     json.RawMessage         `json:"fields"`
		Conflicts  map[string][]siblingDoc `json:"conflicts"`
		Version    string                  `json:"version"`
		Deleted    bool                    `json:"deleted"`
		Updated    time.Time               `json:"updated"`
		Copies     int                     `json:"copies"`
	}
	siblingDoc struct {
		Value   json.RawMessage `json:"value"`
		Removed bool            `json:"removed"`
		Device  string          `json:"device"`
		Author  string          `json:"author"`
		Time    time.Time       `json:"time"`
		Entry   string          `json:"entry"`
	}
	conflictDoc struct {
		Collection string          `json:"collection"`
		ID         string          `json:"id"`
		Field      string          `json:"field"`
		Value      json.RawMessage `json:"value"`
		Siblings   []siblingDoc    `json:"siblings"`
	}
	historyDoc struct {
		Entry   string      `json:"entry"`
		Time    time.Time   `json:"time"`
		Device  string      `json:"device"`
		Author  string      `json:"author"`
		Changes []changeDoc `json:"changes"`
		Saw     []string    `json:"saw"`
	}
	changeDoc struct {
		Field string          `json:"field"`
		Op    string          `json:"op"`
		Value json.RawMessage `json:"value"`
	}
	statusDoc struct {
		Camp      struct{ ID, Name string }       `json:"camp"`
		Device    struct{ ID, Name, Role string } `json:"device"`
		Version   string                          `json:"version"`
		Digest    string                          `json:"digest"`
		StateRoot string                          `json:"state_root"`
		Counts    struct {
			Entries, Records, Conflicts, Quarantined uint64
		} `json:"counts"`
		Peers  []api.Peer        `json:"peers"`
		Phones *api.PhoneSummary `json:"phones"`
		Lock   string            `json:"lock"`
		Disk   struct {
			Free  uint64 `json:"free"`
			Used  uint64 `json:"used"`
			State string `json:"state"`
		} `json:"disk"`
		Warnings []string     `json:"warnings"`
		Notices  []api.Notice `json:"notices"`
	}
)

// answer prints a document as it is with --json, else in words.
func answer[T any](a *app, doc json.RawMessage, words func(w io.Writer, v T)) error {
	if a.json {
		return a.printDocument(doc)
	}
	var v T
	if err := json.Unmarshal(doc, &v); err != nil {
		return fmt.Errorf("read musafir's answer: %w", err)
	}
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	words(w, v)
	return w.Flush()
}

// listing is a command that prints one document of the API.
func listing[T any](a *app, use, short, path string, words func(w io.Writer, v T)) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(cl *client) error {
				doc, err := cl.call(c.Context(), http.MethodGet, path, nil)
				if err != nil {
					return err
				}
				return answer(a, doc, words)
			})
		},
	}
}

func (r *recordDoc) print(w io.Writer, names deviceNames) {
	state := ""
	if r.Deleted {
		state = "  (deleted)"
	}
	fmt.Fprintf(w, "%s/%s%s\n", r.Collection, printable(r.ID), state)
	for _, f := range fieldsOf(r.Fields) {
		fmt.Fprintf(w, "  %s\t%s\n", f.name, f.text)
	}
	fmt.Fprintf(w, "  changed\t%s\n", localTime(r.Updated))
	if r.Copies > 1 {
		fmt.Fprintf(w, "  copies\ton %d devices\n", r.Copies)
	}
	for _, path := range sortedKeys(r.Conflicts) {
		for _, s := range r.Conflicts[path] {
			fmt.Fprintf(w, "  CONFLICT\t%s\n", s.describe(path, names))
		}
	}
}

func (s *siblingDoc) describe(path string, names deviceNames) string {
	path = printable(path)
	what := fmt.Sprintf("%s: %s", path, plain(s.Value))
	switch {
	case path == "":
		what = "somebody deleted the record while it was edited"
	case s.Removed:
		what = fmt.Sprintf("%s: removed", path)
	}
	if s.Entry == "" {
		return what + "  (a counter's sum)"
	}
	return fmt.Sprintf("%s  (%s, entry %s)", what, by(s.Author, names.of(s.Device), s.Time), short(s.Entry))
}

// by is who wrote, and when and where. device is its name.
func by(author, device string, t time.Time) string {
	if author == "" {
		return "device " + device + ", " + localTime(t)
	}
	return printable(author) + ", " + localTime(t) + ", on " + device
}

func localTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// printRecord prints an answer that is a record. Devices are asked for only where it
// shows them.
func (a *app) printRecord(ctx context.Context, c *client, doc json.RawMessage) error {
	var r recordDoc
	var names deviceNames
	err := json.Unmarshal(doc, &r)
	if err == nil && len(r.Conflicts) > 0 {
		names, err = a.names(ctx, c)
	}
	if err != nil {
		return err
	}
	return answer(a, doc, func(w io.Writer, r recordDoc) { r.print(w, names) })
}

// short is enough of an entry id to name it on the command line.
func short(id string) string { return id[:min(len(id), 32)] }

// shellWord is a text as a shell reads it as one word.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-./:@", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(printable(s), "'", `'\''`) + "'"
}

type fieldText struct{ name, text string }

// fieldsOf lists the members of an object in the order they came.
func fieldsOf(object json.RawMessage) (fields []fieldText) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return fields
		}
		fields = append(fields, fieldText{printable(fmt.Sprint(name)), plain(value)})
	}
	return fields
}

// plain is a value for people: text without its quotes where that is clear.
func plain(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) != nil || s == "" || strings.TrimSpace(s) != s || printable(s) != s {
		return printable(string(value))
	}
	return s
}

// printable shows what would command the terminal, or turn the line's direction
// round, as escapes. Records are other people's text.
func printable(s string) string {
	if !strings.ContainsFunc(s, commands) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if commands(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func commands(r rune) bool {
	return unicode.Is(unicode.Cc, r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
