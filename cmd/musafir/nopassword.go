package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// sayWithoutPassword names the users who cannot log in because nobody gave them a password
// yet. Those who are disabled could not anyway.
func (a *app) sayWithoutPassword(ctx context.Context, c *client) error {
	doc, err := c.call(ctx, http.MethodGet, "/v1/users", nil)
	if err != nil {
		return err
	}
	var known usersDoc
	if err := json.Unmarshal(doc, &known); err != nil {
		return fmt.Errorf("read musafir's answer: %w", err)
	}
	var without []string
	for i := range known.Users {
		if u := &known.Users[i]; !u.Password && !u.Disabled {
			without = append(without, u.Email)
		}
	}
	if len(without) > 0 {
		a.say("%s", withoutPassword(without))
	}
	return nil
}

const namedMax = 10 // users in one line

// withoutPassword says who has none, and what to do.
func withoutPassword(emails []string) string {
	if len(emails) == 1 {
		return fmt.Sprintf("%s has no password yet and cannot log in: musafir user passwd %s", printable(emails[0]), shellWord(emails[0]))
	}
	names := printable(strings.Join(emails[:min(len(emails), namedMax)], ", "))
	if more := len(emails) - namedMax; more > 0 {
		names += fmt.Sprintf(" and %d more (musafir user list)", more)
	}
	return fmt.Sprintf("%d users have no password yet and cannot log in: %s. For each: musafir user passwd ADDRESS", len(emails), names)
}
