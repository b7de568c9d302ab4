package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/mdp/qrterminal/v3" // QR codes of text
	"github.com/spf13/cobra"

	"musafir/node/api"
	"musafir/node/transport"
)

func (a *app) inviteCommand() *cobra.Command {
	var role string
	var expires time.Duration
	c := &cobra.Command{
		Use:   "invite",
		Short: "Make a code with which one other device can join the camp",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.invite(c.Context(), role, expires)
		},
	}
	c.Flags().StringVar(&role, "role", "member", "`ROLE` of the device: member, reader (it sees records and writes none) or coordinator (it may invite others)")
	c.Flags().DurationVar(&expires, "expires", 10*time.Minute, "how long the code is good for, at most 24h")
	return c
}

func (a *app) invite(ctx context.Context, role string, expires time.Duration) error {
	c := a.dial(ctx, a.dataDir())
	if c == nil {
		return withHint(errors.New("musafir does not run here, and an invitation is open only while it does"), "Start it first: musafir up")
	}
	doc, err := c.call(ctx, http.MethodPost, "/v1/invites", map[string]string{"role": role, "expires": expires.String()})
	if err != nil {
		return explainInvite(err)
	}
	return answer(a, doc, func(w io.Writer, i api.Invite) { a.printInvite(w, i, role) })
}

// explainInvite says what to do where no invitation could be opened.
func explainInvite(err error) error {
	var p *problem
	if !errors.As(err, &p) {
		return err
	}
	switch p.Status {
	case http.StatusConflict:
		return withHint(err, "musafir devices says which devices are coordinators.")
	case http.StatusTooManyRequests:
		return withHint(err, "Stopping musafir here ends all of them at once; with --expires the next ones end sooner.")
	}
	return err
}

func (a *app) printInvite(w io.Writer, i api.Invite, role string) {
	until := i.Expires
	if t, err := time.Parse(time.RFC3339, i.Expires); err == nil {
		until = localTime(t)
	}
	fmt.Fprintf(w, "%s\n\nIt lets one device join as a %s, until %s, as long as musafir stays up here. On that device:\n\n  %s\n\n", i.Code, role, until, joinLine(i))
	if at := joinPlace(i); at != "" && forLAN([]string{at}) {
		fmt.Fprintf(w, "If this device is not found from there, add: --peer %s\n\n", at)
	}
	if a.interactive() {
		printQR(w, i.QR)
	}
}

// printQR shows a text as a QR code, and as it is for those who copy it.
func printQR(w io.Writer, text string) {
	qrterminal.GenerateHalfBlock(text, qrterminal.L, w)
	fmt.Fprintf(w, "\nThe QR code holds %s\n", text)
}

// joinLine is the command that joins. On one machine, where nothing is heard, it
// names the address.
func joinLine(i api.Invite) string {
	line := "musafir join " + i.Code
	if at := joinPlace(i); at != "" && !forLAN([]string{at}) {
		line += " --peer " + at
	}
	return line
}

// joinPlace is where this device is reached, short for people who type it; "" if that
// is not known.
func joinPlace(i api.Invite) string {
	t, err := parseTicket(i.QR)
	if err != nil || len(t.peers) == 0 {
		return ""
	}
	if p, ok := parsePlace(t.peers[0]); ok && !p.quic {
		if p.at.Port() == transport.DefaultPort && p.at.Addr().Is4() {
			return p.at.Addr().String()
		}
		return p.at.String()
	}
	return t.peers[0]
}
