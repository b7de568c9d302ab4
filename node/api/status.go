package api

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// answerJSON answers with a document that holds no values of records.
func (c *call) answerJSON(status int, doc any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // people and scripts read it as it is
	if err := enc.Encode(doc); err != nil {
		return err
	}
	return c.json(status, bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role,omitempty"`
	Self bool   `json:"self,omitempty"`
}

type counts struct {
	Entries     uint64 `json:"entries"`
	Records     uint64 `json:"records"` // live ones of ordinary collections
	Conflicts   uint64 `json:"conflicts"`
	Quarantined uint64 `json:"quarantined"`
}

type clock struct {
	Now     string `json:"now"`
	AheadMs int64  `json:"ahead_ms"`          // of the median of the others in touch; negative: behind
	Warning string `json:"warning,omitempty"` // where it, or another device's clock, is far off
}

type disk struct {
	FreeBytes uint64 `json:"free"`
	UsedBytes uint64 `json:"used"`
	State     string `json:"state"` // "ok" or "full": writes are refused
}

type status struct {
	Camp      named  `json:"camp"`
	Device    named  `json:"device"`
	Version   string `json:"version"`
	Digest    string `json:"digest"`
	StateRoot string `json:"state_root"`
	Counts    counts `json:"counts"`
	Peers     []Peer `json:"peers"` // in touch now
	Clock     clock  `json:"clock"`
	Disk      disk   `json:"disk"`
	Lock      string `json:"lock,omitempty"` // "passphrase" or "key-file"

	Phones *PhoneSummary `json:"phones,omitempty"` // nil: none are served, and none ever logged in

	Warnings []string `json:"warnings"` // in words, the clock's among them
	Notices  []Notice `json:"notices"`
}

func (s *Server) status(c *call) error {
	digest, root := s.backend.Frontier().Digest(), s.backend.StateRoot()
	doc := status{
		Device: s.self(), Version: s.cfg.Version,
		Digest: hex.EncodeToString(digest[:]), StateRoot: hex.EncodeToString(root[:]),
		Disk: disk{State: "ok"}, Notices: append([]Notice{}, s.backend.Notices()...),
	}
	if s.cfg.Lock != nil {
		doc.Lock = s.cfg.Lock()
	}
	var err error
	if doc.Peers, err = s.inTouch(c); err != nil {
		return err
	}
	id, name := s.backend.Camp()
	doc.Camp = named{ID: id.String(), Name: name}
	n := &doc.Counts
	n.Entries, n.Records, n.Conflicts, n.Quarantined = s.backend.Counts()
	if doc.Clock, doc.Warnings, err = s.warnings(doc.Peers, n.Quarantined); err != nil {
		return err
	}
	if doc.Phones, err = s.phoneSummary(); err != nil {
		return err
	}
	full := false
	if doc.Disk.FreeBytes, doc.Disk.UsedBytes, full = s.backend.Disk(); full {
		doc.Disk.State = "full"
	}
	return c.answerJSON(http.StatusOK, doc)
}

// phoneSummary is how phones stand, nil where there is nothing to tell.
func (s *Server) phoneSummary() (*PhoneSummary, error) {
	p, err := s.backend.PhoneSummary()
	if err != nil || p.URL == "" && p.Known == 0 {
		return nil, err
	}
	return &p, nil
}

// inTouch are the devices that have a session with this one.
func (s *Server) inTouch(c *call) ([]Peer, error) {
	peers, err := s.backend.Peers(c.r.Context())
	if err != nil {
		return nil, err
	}
	return append([]Peer{}, connected(peers)...), nil
}

// connected are those of the peers that have a session.
func connected(peers []Peer) []Peer {
	return slices.DeleteFunc(slices.Clone(peers), func(p Peer) bool { return !p.Connected })
}

func (s *Server) self() named {
	id, name, role := s.backend.Self()
	return named{ID: string(id), Name: name, Role: role}
}

type held struct {
	Entry  string `json:"entry"`
	Log    string `json:"log"`
	Seq    uint64 `json:"seq"`
	Device string `json:"device"`
	Reason string `json:"reason"`
}

func (s *Server) quarantine(c *call) error {
	entries, err := s.backend.Quarantined()
	if err != nil {
		return err
	}
	rows := make([]held, len(entries))
	for i, e := range entries {
		rows[i] = held{e.Entry.String(), e.Log.String(), e.Seq, string(s.backend.Device(e.Log)), e.Reason}
	}
	return c.answerJSON(http.StatusOK, map[string]any{"quarantine": rows, "next": ""})
}

type verification struct {
	Entries  uint64   `json:"entries"`
	Seals    uint64   `json:"seals"`
	Records  uint64   `json:"records"`
	Problems []string `json:"problems"`
}

// verifyAll checks everything on disk. It takes memory and all of the disk's
// speed, so there is one at a time.
func (s *Server) verifyAll(c *call) error {
	if !s.verify.TryLock() {
		return &problem{Status: http.StatusConflict, Detail: "This device is being verified already."}
	}
	defer s.verify.Unlock()
	ctx, cancel := s.untilStopping(c.r.Context())
	defer cancel()
	r, err := s.backend.Verify(ctx, func(float64) {})
	if err != nil {
		return err
	}
	doc := verification(r)
	if doc.Problems == nil {
		doc.Problems = []string{}
	}
	return c.answerJSON(http.StatusOK, doc)
}

type health struct {
	Status string `json:"status"`
	Proof  string `json:"proof,omitempty"`
}

func (s *Server) health(c *call) error {
	doc := health{Status: "ok"}
	if c.query.Has("nonce") {
		nonce := c.query.Get("nonce")
		if len(nonce) < nonceMin || len(nonce) > nonceMax || strings.Trim(nonce, "0123456789abcdefABCDEF") != "" {
			return badRequest("The parameter \"nonce\" is %d to %d hexadecimal digits.", nonceMin, nonceMax)
		}
		doc.Proof = s.proof(nonce)
	}
	return c.answerJSON(http.StatusOK, doc)
}

// Hexadecimal digits of the nonce of a proof.
const nonceMin, nonceMax = 32, 128

// proof shows whoever has the token that this program has it, too: a client asks
// for it before it sends the token. It is "" as long as there is no token.
func (s *Server) proof(nonce string) string {
	token := s.cfg.Token()
	if token == "" {
		return "" // anybody could make it
	}
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("musafir healthz 1 " + nonce))
	return hex.EncodeToString(mac.Sum(nil))
}
