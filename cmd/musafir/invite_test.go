package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"musafir/node/access"
)

// One invitation too many is refused with the limit and what to do, and exit code 1.
func TestTooManyInvitations(t *testing.T) {
	d := start(t, initDevice(t))
	for range access.MaxInvitations {
		_, err := d.call(context.Background(), http.MethodPost, "/v1/invites", nil)
		check(t, err)
	}
	c := program(t, d.dir, "invite")
	out, _ := c.CombinedOutput()
	if code := c.ProcessState.ExitCode(); code != exitFailed ||
		!strings.Contains(string(out), "64 invitations are open, which is the most there may be") || !strings.Contains(string(out), "\n  Stopping musafir here") {
		t.Errorf("invite ended with %d:\n%s", code, out)
	}
}
