package api

import (
	"encoding/json"
	"net/http"
	"time"
)

// An Invite is an open invitation for one device.
type Invite struct {
	Code    string    `json:"code"`
	Expires time.Time `json:"expires"`
	QR      string    `json:"qr"` // what a QR code of it holds
}

const expiresDefault = 10 * time.Minute

func (s *Server) invite(c *call) error {
	b, err := c.body(jsonType)
	if err != nil {
		return err
	}
	ask := struct {
		Role    string `json:"role"`
		Expires string `json:"expires"`
	}{Role: "member", Expires: expiresDefault.String()}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &ask); err != nil {
			return badRequest("The document is not {\"role\",\"expires\"}: %v.", err)
		}
	}
	valid, err := time.ParseDuration(ask.Expires)
	if err != nil || valid <= 0 {
		return badRequest("\"expires\" is a duration such as \"10m\".")
	}
	invite, err := s.backend.Invite(c.r.Context(), ask.Role, valid)
	if err != nil {
		return err
	}
	return c.answerJSON(http.StatusCreated, invite)
}
