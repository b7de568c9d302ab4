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
		return err
	}
	return answer(a, doc, a.printInvite)
}

func (a *app) printInvite(w io.Writer, i api.Invite) {
	until := i.Expires
	if t, err := time.Parse(time.RFC3339, i.Expires); err == nil {
		until = localTime(t)
	}
	fmt.Fprintf(w, "%s\n\nIt lets one device join, until %s. On that device:\n\n  %s\n\n", i.Code, until, joinLine(i))
	if a.interactive() {
		printQR(w, i.QR)
	}
}

// printQR shows a text as a QR code, and as it is for those who copy it.
func printQR(w io.Writer, text string) {
	qrterminal.GenerateHalfBlock(text, qrterminal.L, w)
	fmt.Fprintf(w, "\nThe QR code holds %s\n", text)
}

// joinLine is the command that joins: by the address alone where that is short, for
// people who type it.
func joinLine(i api.Invite) string {
	t, err := parseTicket(i.QR)
	if err != nil || len(t.peers) == 0 {
		return "musafir join " + i.Code + " --peer ADDRESS"
	}
	peer := t.peers[0]
	if p, ok := parsePlace(peer); ok && !p.quic {
		peer = p.at.String()
	}
	return "musafir join " + i.Code + " --peer " + peer
}
