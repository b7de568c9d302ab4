package api

import (
	"net/http"

	"musafir/node/access"
)

// A Lineage is what a device was before, if its data was copied or came back from an
// old copy. Otherwise it is empty.
type Lineage struct {
	Former  []string `json:"former,omitempty"`  // ids that it had, oldest first
	Renewed string   `json:"renewed,omitempty"` // when it got the id that it has
	Twins   []string `json:"twins,omitempty"`   // ids under which other copies of its data go on
}

// A Peer is another device as this one knows it.
type Peer struct {
	ID        string `json:"id"`   // "": nobody answered yet at the address
	Name      string `json:"name"` // "": not known
	Role      string `json:"role,omitempty"`
	Address   string `json:"address,omitempty"`
	Connected bool   `json:"connected"`
	Synced    bool   `json:"synced"`            // both hold the same
	Behind    uint64 `json:"behind"`            // entries that we hold and it does not, as far as known
	Ahead     bool   `json:"ahead"`             // it holds something that we do not
	Unmerged  uint64 `json:"unmerged"`          // entries that it holds and does not merge
	ClockMs   int64  `json:"clock_ms"`          // its clock minus ours
	Received  uint64 `json:"received"`          // bytes, in the session that is open
	Sent      uint64 `json:"sent"`              // likewise
	Version   string `json:"version"`           // of its program
	LastHeard string `json:"last_heard"`        // "": never
	Problem   string `json:"problem,omitempty"` // why there is no session, or why the last one ended
	Lineage
}

// A Device takes part in the camp.
type Device struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Role     string `json:"role"`
	Self     bool   `json:"self,omitempty"`
	Admitted string `json:"admitted"`
	By       string `json:"by,omitempty"` // who admitted it
	Lineage
}

// peers are the devices that this one knows.
func (s *Server) peers(c *call) error {
	peers, err := s.backend.Peers(c.r.Context())
	if err != nil {
		return err
	}
	if peers == nil {
		peers = []Peer{}
	}
	return c.answerJSON(http.StatusOK, map[string]any{"peers": peers})
}

// devices are those that take part in the camp.
func (s *Server) devices(c *call) error {
	devices := s.backend.Devices()
	if devices == nil {
		devices = []Device{}
	}
	return c.answerJSON(http.StatusOK, map[string]any{"devices": devices, "recovery": s.backend.Recovery()})
}

// recover makes this device a coordinator, with the camp's recovery key.
func (s *Server) recover(c *call) error {
	m, err := c.soleMember("code", "the recovery key, as musafir init printed it")
	if err != nil {
		return err
	}
	code, err := m.text()
	if err != nil {
		return err
	}
	key, err := access.ParseRecoveryCode(code)
	if err != nil {
		return badRequest("%v", err)
	}
	if err := s.backend.Recover(c.r.Context(), key); err != nil {
		return err
	}
	return c.answerJSON(http.StatusOK, map[string]any{"device": s.self()})
}
