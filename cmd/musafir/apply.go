package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"musafir/node/clinic"
)

func (a *app) applyCommand() *cobra.Command {
	var yes, example bool
	c := &cobra.Command{
		Use:   "apply FILE | -",
		Short: "Make clinics, users and forms for the Hikma Health app what a file says",
		Long: `Make clinics, departments, users, forms, drugs, stock and settings for the Hikma Health
app what one YAML file says. First it shows what would change, then it asks. What the file
does not have stays, but for the fields of a form: a form of the file gets just those that
stand there. A file that is applied again, here or on another device of the camp, changes
nothing. --example prints a file that works as it is and explains itself.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if example {
				_, err := io.WriteString(a.out, clinic.Example)
				return err
			}
			if len(args) == 0 {
				return usage(withHint(errors.New("no file to apply: name one, or -"), "musafir apply --example > clinic.yaml makes one to begin with."))
			}
			return a.apply(c.Context(), args, yes)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&example, "example", false, "print a file to begin with")
	return a.writes(c)
}

type appliedDoc struct {
	Changes []struct {
		Collection string `json:"collection"`
		Name       string `json:"name"`
		Action     string `json:"action"`
		Fields     []struct {
			Field string          `json:"field"`
			From  json.RawMessage `json:"from"`
			To    json.RawMessage `json:"to"`
		} `json:"fields"`
	} `json:"changes"`
	Passwords []struct{ ID, Email string } `json:"passwords"`
}

const fileBytesMax = 1 << 20 // what the API takes

func (a *app) apply(ctx context.Context, args []string, yes bool) error {
	in, _, err := a.openInput(args)
	if err != nil {
		return err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, fileBytesMax+1))
	if err != nil {
		return fmt.Errorf("read the file: %w", err)
	}
	if len(text) > fileBytesMax {
		return usage(fmt.Errorf("the file is too large: the limit is %d bytes", fileBytesMax))
	}
	return a.with(ctx, func(c *client) error { return a.applyText(ctx, c, text, yes) })
}

func (a *app) applyText(ctx context.Context, c *client, text []byte, yes bool) error {
	raw, would, err := c.apply(ctx, text, true)
	if err != nil {
		return err
	}
	if len(would.Changes)+len(would.Passwords) == 0 {
		if err := a.sayApplied(raw, "Everything is as the file says. Nothing was changed."); err != nil {
			return err
		}
		return a.sayWithoutPassword(ctx, c)
	}
	if a.json {
		would.print(a.errs)
	} else {
		would.print(a.out)
	}
	if err := a.agree(ctx, yes, raw); err != nil {
		return err
	}
	raw, done, err := c.apply(ctx, text, false)
	if err != nil {
		return err
	}
	if err := a.sayApplied(raw, "Done."); err != nil {
		return err
	}
	if err := a.askPasswords(ctx, c, done); err != nil {
		return err
	}
	return a.sayWithoutPassword(ctx, c)
}

// apply has a file applied, or told what that would change.
func (c *client) apply(ctx context.Context, text []byte, dry bool) (json.RawMessage, *appliedDoc, error) {
	header := http.Header{"Content-Type": {"application/yaml"}}
	resp, err := c.send(ctx, http.MethodPost, fmt.Sprintf("/v1/apply?dry=%t", dry), bytes.NewReader(text), header)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	var doc appliedDoc
	if err == nil {
		err = json.Unmarshal(b, &doc)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read musafir's answer: %w", err)
	}
	return b, &doc, nil
}

// agree asks, unless that was said not to be wanted.
func (a *app) agree(ctx context.Context, yes bool, would json.RawMessage) error {
	if yes {
		return nil
	}
	text, err := a.askLine(ctx, "Shall it be so? [y/N] ")
	switch {
	case errors.Is(err, errNoTerminal):
		if a.json {
			err = a.printDocument(would)
		} else {
			err = nil
		}
		return errors.Join(usage(withHint(errors.New("nothing was changed: there is no terminal to ask at"), "Say --yes if that is meant.")), err)
	case err != nil:
		return err
	}
	if answer := strings.ToLower(strings.TrimSpace(text)); answer != "y" && answer != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}

func (a *app) sayApplied(raw json.RawMessage, words string) error {
	if a.json {
		return a.printDocument(raw)
	}
	a.say("%s", words)
	return nil
}

// askPasswords asks for those that the file wants asked for and that are not there yet.
// One that is not given now can be given later.
func (a *app) askPasswords(ctx context.Context, c *client, done *appliedDoc) error {
	if a.terminal() == nil {
		return nil
	}
	for _, u := range done.Passwords {
		password, err := a.newPassword(ctx, u.Email, passwordGiven{})
		if err == nil {
			_, err = c.setPassword(ctx, u.ID, password)
		}
		if err != nil {
			return withHint(err, "The rest of the file is applied. Give the password with: musafir user passwd %s", shellWord(u.Email))
		}
	}
	return nil
}

// kinds are the tables of the app in people's words.
var kinds = map[string]string{
	"clinics": "clinic", "clinic_departments": "department", "users": "user", "user_clinic_permissions": "permissions of", "registration_forms": "registration form",
	"event_forms": "event form", "drug_catalogue": "drug", "clinic_inventory": "stock of", "app_config": "setting",
}

func (d *appliedDoc) print(w io.Writer) {
	for _, c := range d.Changes {
		what := "Changed:"
		if c.Action == "create" {
			what = "New:"
		}
		fmt.Fprintf(w, "%s %s %s\n", what, kinds[c.Collection], printable(c.Name))
		if c.Action == "create" && c.Collection != "app_config" {
			continue
		}
		for _, f := range c.Fields {
			if c.Action != "create" || f.Field == "value" {
				fmt.Fprintf(w, "  %s\n", fieldWords(c.Collection, f.Field, f.From, f.To))
			}
		}
	}
	for _, u := range d.Passwords {
		fmt.Fprintf(w, "To ask for: the password of %s\n", printable(u.Email))
	}
}

// fieldWords is what changes about a field; of a document which of its parts.
func fieldWords(collection, field string, from, to json.RawMessage) string {
	var before, after string
	_ = json.Unmarshal(from, &before) // what is no text has no parts
	if json.Unmarshal(to, &after) == nil {
		if words, ok := clinic.Difference(collection, field, before, after); ok {
			return field + ": " + printable(words)
		}
	}
	switch {
	case field == "password":
		return "password: " + after
	case field == "deleted":
		return "it was deleted, and is there again"
	case string(from) == "null":
		return fmt.Sprintf("%s: %s", field, plain(to))
	}
	return fmt.Sprintf("%s: %s -> %s", field, plain(from), plain(to))
}
