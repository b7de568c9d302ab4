package api

import (
	"net/http"
	"time"

	"musafir/crdt"
)

// An Invite is an open invitation for one device.
type Invite struct {
	Code    string `json:"code"`
	Expires string `json:"expires"`
	QR      string `json:"qr"` // what a QR code of it holds
}

// How long an invitation is good for.
const (
	expiresDefault = 10 * time.Minute
	expiresMax     = 24 * time.Hour
)

// invite opens an invitation.
func (s *Server) invite(c *call) error {
	b, err := c.body(jsonType)
	if err != nil {
		return err
	}
	role, valid, err := inviteOf(b)
	if err != nil {
		return err
	}
	invite, err := s.backend.Invite(c.r.Context(), role, valid)
	if err != nil {
		return err
	}
	return c.answerJSON(http.StatusCreated, invite)
}

// inviteOf reads {"role","expires"}, each of which may be absent, as may all of it.
func inviteOf(body []byte) (role crdt.Role, valid time.Duration, err error) {
	role, valid = crdt.RoleMember, expiresDefault
	if len(body) == 0 {
		return role, valid, nil
	}
	members, err := parseDocument(body)
	if err != nil {
		return 0, 0, err
	}
	for _, m := range members {
		switch m.name {
		case "role":
			role, err = m.role()
		case "expires":
			valid, err = m.expires()
		default:
			err = m.unknown(`"role" and "expires"`)
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return role, valid, nil
}

func (p part) role() (crdt.Role, error) {
	name, err := p.text()
	if err != nil {
		return 0, err
	}
	role, err := crdt.ParseRole(name)
	if err != nil {
		return 0, badRequest("%v", err)
	}
	return role, nil
}

func (p part) expires() (time.Duration, error) {
	text, err := p.text()
	if err != nil {
		return 0, err
	}
	valid, err := time.ParseDuration(text)
	if err != nil || valid <= 0 || valid > expiresMax {
		return 0, badRequest("\"expires\" is how long the code is good for, such as \"10m\" or \"2h\": more than nothing, and at most 24h.")
	}
	return valid, nil
}
