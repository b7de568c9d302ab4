package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"musafir/crdt"
	"musafir/store"
)

func (a *app) tokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Let apps use this device's API, each with a token of its own",
		Long: `Let apps use this device's API, each with a token of its own, and shut them out again.
An app's token reads and writes records, or only reads (--read). It never invites
devices or does any other act of administration: that takes the device's own token,
in the file api-token of the data directory. A daemon that runs heeds all at once.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.tokenAddCommand(), a.tokenListCommand(), a.tokenRemoveCommand(), a.tokenRotateCommand())
	return c
}

func (a *app) tokenAddCommand() *cobra.Command {
	var readOnly bool
	var origin string
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a token for an app, and show it once",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := newApp(args[0], readOnly, origin, c.Flags().Changed("origin"))
			if err != nil {
				return usage(err)
			}
			return a.addToken(c.Context(), t)
		},
	}
	c.Flags().BoolVar(&readOnly, "read", false, "the app may only read")
	c.Flags().StringVar(&origin, "origin", "", "the app is a web app at `URL` (scheme://host[:port]), and may use the API from a browser there only")
	return c
}

// newApp is an app that has no token yet.
func newApp(name string, readOnly bool, origin string, isWeb bool) (t appToken, err error) {
	t = appToken{Name: name, Scope: scopeWrite, Made: time.Now().UTC().Truncate(time.Second)}
	if readOnly {
		t.Scope = scopeRead
	}
	if isWeb {
		t.Origin, err = parseOrigin(origin)
	}
	return t, errors.Join(crdt.ValidateName("name of a token", name), err)
}

func (a *app) addToken(ctx context.Context, t appToken) error {
	token, hash := newAppToken()
	t.Hash = hash
	err := a.changeTokens(ctx, func(f *tokenFile) error {
		if f.index(t.Name) >= 0 {
			return usage(withHint(fmt.Errorf("there is a token %q already", t.Name),
				"For another app choose another name; musafir token rotate %q replaces the token of this one.", t.Name))
		}
		if len(f.Tokens) >= appTokensMax {
			return withHint(fmt.Errorf("there are %d tokens of apps, and no more may be", appTokensMax), "musafir token remove NAME takes one away.")
		}
		f.Tokens = append(f.Tokens, t)
		return nil
	})
	if err != nil {
		return err
	}
	return a.showToken(&t, token)
}

// changeTokens changes the tokens of a directory that has a camp.
func (a *app) changeTokens(ctx context.Context, change func(*tokenFile) error) error {
	dir := a.dataDir()
	if err := store.HoldsCamp(dir); err != nil {
		return explainOpen(dir, err)
	}
	return changeAppTokens(ctx, dir, change)
}

// A tokenDoc is what --json prints of an app; the token only when it is made.
type tokenDoc struct {
	Name   string    `json:"name"`
	Token  string    `json:"token,omitempty"`
	Scope  string    `json:"scope"`
	Origin string    `json:"origin"`
	Made   time.Time `json:"made"`
}

func (t *appToken) doc(token string) tokenDoc {
	return tokenDoc{Name: t.Name, Token: token, Scope: t.Scope, Origin: t.Origin, Made: t.Made}
}

// showToken prints a token alone, so that a script can take it.
func (a *app) showToken(t *appToken, token string) error {
	if a.json {
		return a.printJSON(t.doc(token))
	}
	if _, err := fmt.Fprintln(a.out, token); err != nil {
		return err
	}
	a.say("The token of %q is shown only now: copy it to the app. With it the app may %s.", t.Name, t.may())
	return nil
}

// may is what an app may, in words.
func (t *appToken) may() string {
	words := "read and write"
	if t.Scope == scopeRead {
		words = "read"
	}
	if t.Origin != "" {
		words += ", from " + t.Origin + " only"
	}
	return words
}

func (a *app) tokenListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the apps that have a token, and what each may",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir := a.dataDir()
			if err := store.HoldsCamp(dir); err != nil {
				return explainOpen(dir, err)
			}
			f, err := readAppTokens(dir)
			if err != nil {
				return err
			}
			return a.listTokens(f)
		},
	}
}

func (a *app) listTokens(f *tokenFile) error {
	docs := make([]tokenDoc, len(f.Tokens))
	for i := range f.Tokens {
		docs[i] = f.Tokens[i].doc("")
	}
	if a.json {
		return a.printJSON(map[string]any{"tokens": docs})
	}
	if len(docs) == 0 {
		a.say("No app has a token. musafir token add NAME makes one.")
		return nil
	}
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tMAY\tMADE")
	for i := range f.Tokens {
		t := &f.Tokens[i]
		fmt.Fprintf(w, "%s\t%s\t%s\n", printable(t.Name), t.may(), localTime(t.Made))
	}
	return w.Flush()
}

func (a *app) tokenRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Shut an app out at once",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.removeToken(c.Context(), args[0])
		},
	}
}

func (a *app) removeToken(ctx context.Context, name string) error {
	err := a.changeTokens(ctx, func(f *tokenFile) error {
		i, err := f.find(name)
		if err != nil {
			return err
		}
		f.Tokens = slices.Delete(f.Tokens, i, i+1)
		return nil
	})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]string{"removed": name})
	}
	a.say("The token of %q no longer lets anybody in.", name)
	return nil
}

func (f *tokenFile) find(name string) (int, error) {
	if i := f.index(name); i >= 0 {
		return i, nil
	}
	return 0, withHint(fmt.Errorf("there is no token %q", name), "musafir token list shows which there are.")
}

func (a *app) tokenRotateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate [NAME]",
		Short: "Replace the token of an app, or without NAME the device's own",
		Long: `Replace the token of an app, and show the new one once. Without NAME the device's own
token is replaced, in the file api-token. The old one ends at once.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.rotateOwn()
			}
			return a.rotateToken(c.Context(), args[0])
		},
	}
}

func (a *app) rotateToken(ctx context.Context, name string) error {
	token, hash := newAppToken()
	var t appToken
	err := a.changeTokens(ctx, func(f *tokenFile) error {
		i, err := f.find(name)
		if err != nil {
			return err
		}
		f.Tokens[i].Hash, f.Tokens[i].Made = hash, time.Now().UTC().Truncate(time.Second)
		t = f.Tokens[i]
		return nil
	})
	if err != nil {
		return err
	}
	return a.showToken(&t, token)
}

// rotateOwn replaces the device's own token. It is not shown: whoever may read it
// reads the file.
func (a *app) rotateOwn() error {
	dir := a.dataDir()
	if err := store.HoldsCamp(dir); err != nil {
		return explainOpen(dir, err)
	}
	if _, err := newOwnToken(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, tokenName)
	if a.json {
		return a.printJSON(map[string]string{"file": path})
	}
	a.say("The device's own token is a new one, in %s. The old one no longer lets anybody in.", path)
	return nil
}
