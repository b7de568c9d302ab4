package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

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
	c.Flags().StringVar(&role, "role", "member", "`ROLE` of the device: member, reader or coordinator")
	c.Flags().DurationVar(&expires, "expires", 10*time.Minute, "how long the code is good for")
	return c
}

func (a *app) invite(ctx context.Context, role string, expires time.Duration) error {
	c := a.dial(ctx, a.dataDir())
	if c == nil {
		return withHint(errors.New("an invitation is open only while musafir runs here"), "Start it first: musafir up")
	}
	doc, err := c.call(ctx, http.MethodPost, "/v1/invites", map[string]string{"role": role, "expires": expires.String()})
	if err != nil {
		return err
	}
	return answer(a, doc, func(w io.Writer, i api.Invite) {
		fmt.Fprintf(w, "%s\n\nOn the other device, until %s: musafir join %s --peer ADDRESS\n", i.Code, i.Expires.Local().Format("15:04:05"), i.Code)
	})
}
