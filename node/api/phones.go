package api

import (
	"context"
	"net/http"
	"slices"

	"musafir/crdt"
	"musafir/node/clinic"
)

// Phones is how phones with the Hikma Health app are served.
type Phones struct {
	URL             string  `json:"url"`              // as a phone dials it now; "": they are not served
	QR              string  `json:"qr"`               // what the QR code holds that pairs one; "" likewise
	RequireApproval bool    `json:"require_approval"` // a new phone waits until somebody approves it
	Phones          []Phone `json:"phones"`           // those that ever logged in; never nil
}

// A Phone is one installation of the app.
type Phone struct {
	ID       string `json:"id"`
	Phone    string `json:"phone,omitempty"` // what it calls itself
	User     string `json:"user"`            // the id of who logged in last
	Name     string `json:"name"`            // of that user, "" if it is no more; the backend leaves it to the API
	Email    string `json:"email,omitempty"` // likewise
	LastSync string `json:"last_sync"`       // "": never
	Device   string `json:"device"`          // the id of the one with which it synced last; "": none
	Approved bool   `json:"approved"`
	Revoked  bool   `json:"revoked"`
	Clock    int64  `json:"clock"` // its clock minus ours in ms, as far as known
	// FailedPush is its last push here, if that was not taken; nil else.
	FailedPush *FailedPush `json:"failed_push,omitempty"`
	Held       []HeldPhone `json:"held"`       // the newest, newest first, at most HeldShown; never nil
	HeldCount  int         `json:"held_count"` // of all that are held back of it
}

// A FailedPush is what a phone sent in vain. The phone has it still, and sends it again.
type FailedPush struct {
	Time string `json:"time"`
	Why  string `json:"why"` // in words
}

// HeldShown is how many of the rows of a phone that are held back stand with the phone.
const HeldShown = 20

// A HeldPhone is a row that a phone pushed and that is kept, but not merged.
type HeldPhone struct {
	Table string `json:"table"`
	ID    string `json:"id"`
	Why   string `json:"why"` // in words
}

// A PhoneSummary is how phones stand, in numbers.
type PhoneSummary struct {
	URL    string `json:"url"`          // as a phone dials it now; "": they are not served
	Known  int    `json:"known"`        // phones that ever logged in
	Synced int    `json:"synced"`       // of those, phones that ever synced
	Today  int    `json:"synced_today"` // of those, phones that did today
	Failed int    `json:"failed"`       // phones whose last push here was not taken
	Held   int    `json:"held"`         // rows of phones that are kept, but not merged
}

// A PhoneDesk serves phones.
type PhoneDesk interface {
	Phones() (Phones, error)
	PhoneSummary() (PhoneSummary, error) // each status asks for it
	RevokePhone(ctx context.Context, id string) error
	ApprovePhone(ctx context.Context, id string) error
	RequireApproval(ctx context.Context, required bool) error
	// Incomplete visits the app's rows, after one of them, with what each lacks.
	Incomplete(after crdt.RecordKey, visit func(crdt.RecordKey, []clinic.Gap) (bool, error)) error

	// ListenForPhones serves phones at HOST:PORT from now on, also when the device
	// starts again. "": where it does already, else at the usual place.
	ListenForPhones(address string) error
	// StopPhones ends that.
	StopPhones() error
}

func (s *Server) phones(c *call) error {
	p, err := s.phonesNow()
	if err != nil {
		return err
	}
	return c.answerJSON(http.StatusOK, p)
}

// phonesNow are the phones, with the names of their users.
func (s *Server) phonesNow() (Phones, error) {
	all, err := s.backend.Phones()
	for i := range all.Phones {
		if err != nil {
			break
		}
		err = s.nameUser(&all.Phones[i])
	}
	return all, err
}

func (s *Server) nameUser(p *Phone) (err error) {
	p.Name, p.Email, err = s.userNamed(p.User)
	return err
}

// userNamed is what a user is called, "" of one who is no more.
func (s *Server) userNamed(id string) (name, email string, err error) {
	r, err := s.backend.Record(crdt.RecordKey{Collection: "users", ID: id})
	if err != nil || r == nil {
		return "", "", err
	}
	fields := r.View().Fields
	return textOf(member(fields, "name")), textOf(member(fields, "email")), nil
}

// phone is the one that the path names.
func (s *Server) phone(c *call) (Phone, error) {
	id := c.r.PathValue("id")
	all, err := s.phonesNow()
	if err != nil {
		return Phone{}, err
	}
	i := slices.IndexFunc(all.Phones, func(p Phone) bool { return p.ID == id })
	if i < 0 {
		return Phone{}, &problem{Status: http.StatusNotFound, Detail: "There is no phone with the id " + id + "."}
	}
	return all.Phones[i], nil
}

func (s *Server) revokePhone(c *call) error  { return s.changePhone(c, s.backend.RevokePhone) }
func (s *Server) approvePhone(c *call) error { return s.changePhone(c, s.backend.ApprovePhone) }

// changePhone does something to the phone that the path names, and shows it.
func (s *Server) changePhone(c *call, change func(context.Context, string) error) error {
	p, err := s.phone(c)
	if err != nil {
		return err
	}
	if err := change(c.r.Context(), p.ID); err != nil {
		return err
	}
	if p, err = s.phone(c); err != nil {
		return err
	}
	return c.answerJSON(http.StatusOK, p)
}

// requireApproval says whether new phones wait: {"required": true}.
func (s *Server) requireApproval(c *call) error {
	m, err := c.soleMember("required", "true if new phones shall wait for approval, else false")
	if err != nil {
		return err
	}
	required, err := m.bool()
	if err != nil {
		return err
	}
	if err := s.backend.RequireApproval(c.r.Context(), required); err != nil {
		return err
	}
	return s.phones(c)
}

// listenForPhones serves phones for good, at {"address"} or where it likes.
func (s *Server) listenForPhones(c *call) error {
	b, err := c.body(jsonType)
	if err != nil {
		return err
	}
	address, err := phoneAddressOf(b)
	if err != nil {
		return err
	}
	if err := s.backend.ListenForPhones(address); err != nil {
		return err
	}
	return s.phones(c)
}

// phoneAddressOf reads {"address"}, which may be absent, as may all of it.
func phoneAddressOf(body []byte) (address string, err error) {
	if len(body) == 0 {
		return "", nil
	}
	members, err := parseDocument(body)
	if err != nil {
		return "", err
	}
	for _, m := range members {
		if m.name != "address" {
			return "", m.unknown(`"address"`)
		}
		if address, err = m.text(); err != nil {
			return "", err
		}
		if address == "" {
			return "", badRequest("\"address\" is HOST:PORT, and empty.")
		}
	}
	return address, nil
}

// stopPhones serves phones no more.
func (s *Server) stopPhones(c *call) error {
	if err := s.backend.StopPhones(); err != nil {
		return err
	}
	return s.phones(c)
}
