package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"musafir/node/clinic"
)

func (a *app) userCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "user",
		Short: "Who logs in with the Hikma Health app: add, list, passwd, disable, enable",
		Long: `Who logs in with the Hikma Health app. Users and their passwords are on every device of
the camp; a password is kept as a hash, which is never shown.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.userAddCommand(), listing(a, "list", "List the users", "/v1/users", printUsers), a.userPasswdCommand(),
		a.userSwitchCommand("disable", "Let a user no longer log in; what the user wrote stays"),
		a.userSwitchCommand("enable", "Let a user log in again"))
	return c
}

type userDoc struct {
	ID       string `json:"id"`
	Email    string `json:"email"`
	Name     string `json:"name"`
	Role     string `json:"role"`
	Clinics  []struct{ Name string }
	Disabled bool `json:"disabled"`
	Password bool `json:"password"`
}

type usersDoc struct {
	Users []userDoc `json:"users"`
}

func printUsers(w io.Writer, doc usersDoc) {
	for _, u := range doc.Users {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", printable(u.Email), printable(u.Name), u.Role, u.places(), u.state())
	}
}

func (u *userDoc) places() string {
	var names []string
	for _, c := range u.Clinics {
		names = append(names, printable(c.Name))
	}
	if len(names) == 0 {
		return "no clinic"
	}
	return strings.Join(names, ", ")
}

func (u *userDoc) state() string {
	switch {
	case u.Disabled:
		return "disabled"
	case !u.Password:
		return "no password yet"
	}
	return "may log in"
}

// A passwordGiven is a password where there is no terminal to ask at.
type passwordGiven struct{ text, file string }

func passwordFlags(c *cobra.Command, p *passwordGiven) {
	c.Flags().StringVar(&p.text, "password", "", "`PASSWORD` of the user. Others may see it: it stays in the shell's history and shows among what runs on this machine")
	c.Flags().StringVar(&p.file, "password-file", "", "`FILE` that holds the password; else it is asked for. It has at least "+strconv.Itoa(clinic.PasswordRunesMin)+" characters; a newline at its end does not count")
}

func (a *app) userAddCommand() *cobra.Command {
	var u clinic.User
	var password passwordGiven
	c := &cobra.Command{
		Use:   "add --email E --name N --role R",
		Short: "Make a user",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.userAdd(c.Context(), u, password)
		},
	}
	c.Flags().StringVar(&u.Email, "email", "", "`ADDRESS` with which the user logs in")
	c.Flags().StringVar(&u.Name, "name", "", "`NAME` that the app shows")
	c.Flags().StringVar(&u.Role, "role", "", "`ROLE`: "+strings.Join(clinic.Roles, ", "))
	c.Flags().StringArrayVar(&u.Clinics, "clinic", nil, "`CLINIC` in which the user works, by its name or id; may be given several times, else all")
	passwordFlags(c, &password)
	return a.writes(c)
}

func (a *app) userAdd(ctx context.Context, u clinic.User, given passwordGiven) error {
	if err := u.Check(); err != nil {
		return usage(withHint(err, "musafir user add --email amina@example.org --name Amina --role provider"))
	}
	password, err := a.newPassword(ctx, u.Email, given)
	if err != nil {
		return err
	}
	return a.with(ctx, func(c *client) error {
		doc, err := c.call(ctx, http.MethodPost, "/v1/users", map[string]any{
			"email": u.Email, "name": u.Name, "role": u.Role, "clinics": append([]string{}, u.Clinics...), "password": password,
		})
		if err != nil {
			return err
		}
		return answer(a, doc, func(w io.Writer, u userDoc) {
			fmt.Fprintf(w, "%s, %s, logs in as %s with the app, in: %s\n", printable(u.Name), u.Role, printable(u.Email), u.places())
		})
	})
}

// newPassword is the one that was given, or asks for it twice.
func (a *app) newPassword(ctx context.Context, email string, given passwordGiven) (string, error) {
	switch {
	case given.file != "" && given.text != "":
		return "", usage(errors.New("the password is given once: by --password or by --password-file"))
	case given.file != "":
		return readSecret("--password-file", given.file, checkPassword)
	case given.text != "":
		return checkPassword(given.text)
	}
	first, err := a.askSecret(ctx, fmt.Sprintf("Password of %s: ", printable(email)))
	if errors.Is(err, errNoTerminal) {
		return "", usage(withHint(errors.New("a password is needed, and there is no terminal to ask at"),
			"Put it into a file that only you can read, and name that: --password-file FILE"))
	}
	if err != nil {
		return "", err
	}
	if _, err := checkPassword(first); err != nil {
		return "", err
	}
	again, err := a.askSecret(ctx, "The same again: ")
	if err == nil && again != first {
		err = usage(errors.New("the two are not the same; the password was not set"))
	}
	return first, err
}

func checkPassword(text string) (string, error) {
	if err := clinic.CheckPassword(text); err != nil {
		return "", usage(err)
	}
	return text, nil
}

func (a *app) userPasswdCommand() *cobra.Command {
	var password passwordGiven
	c := &cobra.Command{
		Use:   "passwd EMAIL",
		Short: "Give a user a new password",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			return a.withUser(ctx, args[0], func(c *client, u *userDoc) error {
				text, err := a.newPassword(ctx, u.Email, password)
				if err != nil {
					return err
				}
				doc, err := c.setPassword(ctx, u.ID, text)
				if err != nil {
					return err
				}
				return answer(a, doc, func(w io.Writer, u userDoc) {
					fmt.Fprintf(w, "%s has the new password.\n", printable(u.Email))
					if u.Disabled {
						fmt.Fprintf(w, "The user is disabled and cannot log in: musafir user enable %s\n", shellWord(u.Email))
					}
				})
			})
		},
	}
	passwordFlags(c, &password)
	return a.writes(c)
}

func (c *client) setPassword(ctx context.Context, id, password string) (json.RawMessage, error) {
	return c.call(ctx, http.MethodPost, userPath(id, "password"), map[string]string{"password": password})
}

func userPath(id, what string) string { return "/v1/users/" + url.PathEscape(id) + "/" + what }

// withUser does something for the user of an address.
func (a *app) withUser(ctx context.Context, email string, do func(*client, *userDoc) error) error {
	return a.with(ctx, func(c *client) error {
		u, err := c.user(ctx, email)
		if err != nil {
			return err
		}
		return do(c, u)
	})
}

// user finds a user by the address.
func (c *client) user(ctx context.Context, email string) (*userDoc, error) {
	doc, err := c.call(ctx, http.MethodGet, "/v1/users", nil)
	if err != nil {
		return nil, err
	}
	var known usersDoc
	if err := json.Unmarshal(doc, &known); err != nil {
		return nil, fmt.Errorf("read musafir's answer: %w", err)
	}
	for i, u := range known.Users {
		if strings.EqualFold(u.Email, strings.TrimSpace(email)) {
			return &known.Users[i], nil
		}
	}
	return nil, withHint(fmt.Errorf("there is no user %s", printable(email)), "musafir user list shows who there is.")
}

// userSwitchCommand is one that takes an address and nothing else.
func (a *app) userSwitchCommand(what, short string) *cobra.Command {
	return a.writes(&cobra.Command{
		Use:   what + " EMAIL",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			return a.withUser(ctx, args[0], func(c *client, u *userDoc) error {
				doc, err := c.call(ctx, http.MethodPost, userPath(u.ID, what), nil)
				if err != nil {
					return err
				}
				return answer(a, doc, func(w io.Writer, u userDoc) { fmt.Fprintf(w, "%s: %s\n", printable(u.Email), u.state()) })
			})
		},
	})
}
