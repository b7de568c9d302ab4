package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"musafir/node/api"
)

func (a *app) phoneCommand() *cobra.Command {
	var show phoneShow
	var approval bool
	c := &cobra.Command{
		Use:   "phone",
		Short: "Serve phones with the Hikma Health app, and show the QR code that pairs one",
		Long: `Show the QR code by which a phone with the Hikma Health app finds this device, and the
phones that there are. If phones are not served yet they are from now on, whenever the
device is up: at ` + defaultPhones + `, or where --listen says. "phone off" ends that, and
"phone" begins again where it was.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !c.Flags().Changed("require-approval") {
				return a.phone(c.Context(), show)
			}
			if show != (phoneShow{}) {
				return usage(errors.New("--require-approval goes with no other flag"))
			}
			return a.requireApproval(c.Context(), approval)
		},
	}
	c.Flags().StringVar(&show.png, "png", "", "write the QR code as a picture to `FILE`, to print it")
	c.Flags().StringVar(&show.listen, "listen", "", "`HOST:PORT` on which phones are served from now on; port 0 takes a free one and keeps it")
	c.Flags().BoolVar(&approval, "require-approval", false, "let new phones wait until somebody approves them, and do no more; --require-approval=false ends that")
	c.AddCommand(
		a.phoneListCommand(), a.phoneHeldCommand(), a.phoneDropCommand(), a.phoneIncompleteCommand(), a.phoneOffCommand(),
		a.phoneChangeCommand("revoke", "Shut a phone out, on every device of the camp; what it sent stays"),
		a.phoneChangeCommand("approve", "Let a phone in that waits for it, or that was shut out"),
	)
	return c
}

// A phoneShow is what somebody wants of `phone`.
type phoneShow struct {
	png    string // a file for the QR code; "": none
	listen string // where phones shall be served; "": where they are
}

func (s *phoneShow) check() error {
	if s.listen != "" {
		if _, err := parsePhoneAddress(s.listen); err != nil {
			return usage(withHint(fmt.Errorf("--listen: %w", err), "0.0.0.0 is all addresses of this device; port 0 takes a free one."))
		}
	}
	return checkPicture(s.png)
}

func (a *app) phone(ctx context.Context, show phoneShow) error {
	if err := show.check(); err != nil {
		return err
	}
	return a.with(ctx, func(c *client) error {
		raw, p, err := c.servedPhones(ctx, show.listen)
		if err != nil {
			return err
		}
		if show.png != "" {
			if err := writePicture(show.png, p); err != nil {
				return err
			}
		}
		if a.json {
			return a.printDocument(raw)
		}
		a.showPairing(p, show)
		a.sayHowMany(p)
		return nil
	})
}

// sayHowMany says how many phones there are, below the code that somebody scans.
func (a *app) sayHowMany(p *api.Phones) {
	held := 0
	for i := range p.Phones {
		held += p.Phones[i].HeldCount
	}
	switch {
	case len(p.Phones) == 0:
		a.say("No phone has logged in yet.")
	case held > 0:
		a.say("%d phones have logged in, and %d rows of theirs are held back: musafir phone list", len(p.Phones), held)
	default:
		a.say("%d phones have logged in: musafir phone list", len(p.Phones))
	}
}

// servedPhones are the phones once they are served, if that can be.
func (c *client) servedPhones(ctx context.Context, listen string) (json.RawMessage, *api.Phones, error) {
	raw, p, err := c.phones(ctx, http.MethodGet, "/v1/phones", nil)
	if err != nil || p.URL != "" && listen == "" {
		return raw, p, err
	}
	body := map[string]string{}
	if listen != "" {
		body["address"] = listen
	}
	raw, p, err = c.phones(ctx, http.MethodPost, phonesListen, body)
	return raw, p, explainPhonePlace(err)
}

const phonesListen = "/v1/phones/listen"

// phones asks for the phones, or something that answers with them.
func (c *client) phones(ctx context.Context, method, path string, body any) (json.RawMessage, *api.Phones, error) {
	raw, err := c.call(ctx, method, path, body)
	if err != nil {
		return nil, nil, err
	}
	p := &api.Phones{}
	if err := json.Unmarshal(raw, p); err != nil {
		return nil, nil, fmt.Errorf("read musafir's answer: %w", err)
	}
	return raw, p, nil
}

// explainPhonePlace says what to do where phones cannot be served.
func explainPhonePlace(err error) error {
	var p *problem
	if errors.As(err, &p) && p.Status == http.StatusConflict {
		return withHint(err, "To serve them elsewhere: musafir phone off, then musafir phone --listen HOST:PORT, where port 0 takes a free one.")
	}
	return err
}

// showPairing shows what pairs a phone.
func (a *app) showPairing(p *api.Phones, show phoneShow) {
	if p.URL == "" {
		a.say("Phones are served whenever this device is up. Start it: musafir up. Then musafir phone shows the QR code.")
		return
	}
	a.print("Phones reach this device at %s\n\n", p.URL)
	if a.interactive() {
		printQR(a.out, p.QR)
	} else {
		a.print("The QR code holds %s\n", p.QR)
	}
	a.print("\nScan it in the Hikma Health app where it logs in, then log in as a user of this camp (musafir user list).\n\n")
	if isNearOnly(p.URL) {
		a.say("WARNING: no phone reaches this address: only this machine does. %s", nearOnlyHint)
	}
	a.say("NOTE: what phones send is encrypted by the app, but it does not check who answers, and it sends the password as it is when somebody signs out and in again without scanning the code. Let the network be the camp's own.")
	if show.png != "" {
		a.say("The QR code is in %s. It is good until the address of this device changes.", show.png)
	}
}

func (a *app) phoneListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the phones: who synced when, and what is held back",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			return a.with(ctx, func(c *client) error {
				raw, _, err := c.phones(ctx, http.MethodGet, "/v1/phones", nil)
				if err != nil {
					return err
				}
				return a.listPhones(ctx, c, raw)
			})
		},
	}
}

func (a *app) listPhones(ctx context.Context, c *client, raw json.RawMessage) error {
	names, err := a.names(ctx, c)
	if err != nil {
		return err
	}
	return answer(a, raw, func(w io.Writer, p api.Phones) { printPhones(w, &p, names) })
}

func (a *app) phoneOffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "off",
		Short: "Serve phones no more; what they sent stays",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			return a.with(ctx, func(c *client) error {
				raw, _, err := c.phones(ctx, http.MethodDelete, phonesListen, nil)
				if err != nil {
					return err
				}
				return a.sayPhones(raw, "Phones are served no more. musafir phone serves them again, where they were.")
			})
		},
	}
}

func (a *app) requireApproval(ctx context.Context, required bool) error {
	return a.with(ctx, func(c *client) error {
		raw, _, err := c.phones(ctx, http.MethodPost, "/v1/phones/approval", map[string]bool{"required": required})
		if err != nil {
			return err
		}
		words := "Phones need no approval: whoever has a user's password logs in."
		if required {
			words = "Phones that nobody approved are not let in, on every device of the camp. musafir phone list shows who waits, musafir phone approve ID lets one in."
		}
		return a.sayPhones(raw, words)
	})
}

// sayPhones says what was done, or prints how phones are served then.
func (a *app) sayPhones(raw json.RawMessage, words string) error {
	if a.json {
		return a.printDocument(raw)
	}
	a.say("%s", words)
	return nil
}

// phoneChangeCommand is one that takes a phone and nothing else.
func (a *app) phoneChangeCommand(what, short string) *cobra.Command {
	return &cobra.Command{
		Use:   what + " ID",
		Short: short,
		Args:  oneID("the phone's ID is missing: musafir phone list shows it"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			return a.with(ctx, func(c *client) error {
				raw, err := c.call(ctx, http.MethodPost, "/v1/phones/"+url.PathEscape(args[0])+"/"+what, nil)
				if err != nil {
					return explainPhone(err)
				}
				return answer(a, raw, func(w io.Writer, p api.Phone) {
					fmt.Fprintf(w, "%s: %s\n", printable(phoneOwner(&p)), map[bool]string{true: "shut out", false: "let in"}[p.Revoked])
				})
			})
		},
	}
}

// oneID wants one argument, and says where to find it if there is none.
func oneID(missing string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errors.New(missing)
		}
		return cobra.ExactArgs(1)(c, args)
	}
}

func explainPhone(err error) error {
	var p *problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return withHint(err, "musafir phone list shows which there are.")
	}
	return err
}
