package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid" // UUIDv7, the ids of records made here
	"github.com/spf13/cobra"

	"musafir/crdt"
	"musafir/node/exchange"
)

func (a *app) putCommand() *cobra.Command {
	var replace bool
	c := &cobra.Command{
		Use:   "put COLLECTION [ID] FIELD=TEXT... FIELD:=JSON... | -",
		Short: "Set fields of a record; other fields stay",
		Long: `Set fields of a record and keep the others; --replace replaces all of them.
FIELD=TEXT sets a text, FIELD:=JSON any value (age:=34, tags:='["a","b"]'). A field
inside an object is written as a path: address/city=Cox.
"-" reads a JSON object of fields. Without an ID a new one is made and printed.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.put(c.Context(), args, replace)
		},
	}
	c.Flags().BoolVar(&replace, "replace", false, "replace all fields")
	return a.writes(c)
}

func (a *app) put(ctx context.Context, args []string, replace bool) error {
	collection, args := args[0], args[1:]
	id := ""
	if !strings.Contains(args[0], "=") && args[0] != "-" {
		if id, args = args[0], args[1:]; id == "" {
			return usage(errors.New("the ID is empty; leave it out for a new one"))
		}
	}
	if len(args) == 0 {
		return usage(errors.New("no field to set: give FIELD=TEXT, FIELD:=JSON or -"))
	}
	fields, err := a.readFields(args)
	if err != nil {
		return usage(err)
	}
	if id == "" {
		id = uuid.Must(uuid.NewV7()).String()
	}
	if err := (crdt.RecordKey{Collection: collection, ID: id}).Validate(); err != nil {
		return usage(err)
	}
	return a.with(ctx, func(c *client) error {
		doc, err := c.putFields(ctx, collection, id, fields, replace)
		if err != nil {
			return err
		}
		return a.printRecord(ctx, c, doc)
	})
}

// putFields writes the fields and gives the record.
func (c *client) putFields(ctx context.Context, collection, id string, fields map[string]json.RawMessage, replace bool) (json.RawMessage, error) {
	if replace {
		return c.call(ctx, http.MethodPut, recordPath(collection, id), map[string]any{"fields": fields})
	}
	change := map[string]any{"collection": collection, "id": id, "set": fields}
	doc, err := c.call(ctx, http.MethodPost, "/v1/transactions", map[string]any{"changes": []any{change}})
	if err != nil {
		return nil, inWords(err)
	}
	var done struct{ Records []json.RawMessage }
	if err := json.Unmarshal(doc, &done); err != nil || len(done.Records) != 1 {
		return nil, fmt.Errorf("read musafir's answer: %w", err)
	}
	return done.Records[0], nil
}

// inWords takes the place in the request, which nobody typed, out of an error.
func inWords(err error) error {
	var p *problem
	if errors.As(err, &p) {
		p.Detail = requestPlace.ReplaceAllString(p.Detail, "field \"$1\": ")
	}
	return err
}

var requestPlace = regexp.MustCompile(`^at "/changes/0/set/([^"/]*)[^"]*", byte \d+: `)

// readFields reads FIELD=TEXT, FIELD:=JSON, or an object from standard input.
func (a *app) readFields(args []string) (map[string]json.RawMessage, error) {
	if len(args) == 1 && args[0] == "-" {
		b, err := io.ReadAll(a.in)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		b = bytes.TrimPrefix(bytes.TrimSpace(b), []byte("\ufeff"))
		if v, err := exchange.ParseJSON(b); err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		} else if v.Kind() != crdt.KindObject {
			return nil, errors.New("standard input is not a JSON object of fields")
		}
		fields := map[string]json.RawMessage{}
		if err := json.Unmarshal(b, &fields); err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		return escapeKeys(fields), nil
	}
	fields := map[string]json.RawMessage{}
	for _, arg := range args {
		name, value, err := readField(arg)
		if err != nil {
			return nil, err
		}
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("field %q is given twice", name)
		}
		fields[name] = value
	}
	return fields, nil
}

// escapeKeys turns keys into paths (RFC 6901).
func escapeKeys(fields map[string]json.RawMessage) map[string]json.RawMessage {
	escaped := make(map[string]json.RawMessage, len(fields))
	for k, v := range fields {
		escaped[strings.NewReplacer("~", "~0", "/", "~1").Replace(k)] = v
	}
	return escaped
}

func readField(arg string) (name string, value json.RawMessage, err error) {
	if !utf8.ValidString(arg) {
		return "", nil, errors.New("a field is not valid UTF-8: set the terminal, or the script, to UTF-8")
	}
	name, text, ok := strings.Cut(arg, "=")
	if !ok || name == "" || name == ":" {
		return "", nil, fmt.Errorf("%q is not FIELD=TEXT or FIELD:=JSON", arg)
	}
	if base, isJSON := strings.CutSuffix(name, ":"); isJSON {
		if !json.Valid([]byte(text)) {
			return "", nil, fmt.Errorf("the value of %q is not JSON; for a text write %s=TEXT", base, base)
		}
		return base, json.RawMessage(text), nil
	}
	value, err = json.Marshal(text)
	return name, value, err
}
