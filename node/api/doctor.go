package api

import "net/http"

// A Diagnosis is why devices meet or do not, as far as this one can tell. Its lists
// are never nil.
type Diagnosis struct {
	Interfaces []Interface
	Heard      []Heard
	Findings   []Finding // the gravest first; at least one
}

// An Interface leads to a network. The counts are since it appeared, or since musafir
// is up.
type Interface struct {
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"` // each with the length of its subnet: "10.77.0.1/16"
	State     string   `json:"state"`     // in words; "in use" where all is well
	Up        bool     `json:"up"`        // turned on
	Connected bool     `json:"connected"` // there is a cable, or Wi-Fi has joined a network
	Multicast bool     `json:"multicast"`
	Loopback  bool     `json:"loopback"`
	Virtual   bool     `json:"virtual"`    // of a VPN or of containers: used after all others
	Asked     int      `json:"asked"`      // questions for devices
	Answered  int      `json:"answered"`   // questions of others that got an answer
	Heard     int      `json:"heard"`      // answers of devices with musafir
	Camp      int      `json:"camp"`       // of these, those of this camp
	Strangers int      `json:"strangers"`  // of these, those of others
	Others    int      `json:"others"`     // answers of other things, such as printers
	LastHeard string   `json:"last_heard"` // of a device with musafir; "": none
	Problem   string   `json:"problem,omitempty"`
}

// A Heard is a device that answered on the local network.
type Heard struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`      // "": it is not in this camp
	Addresses []string `json:"addresses"` // where it says that it is
	Interface string   `json:"interface"` // on which it was heard
	LastHeard string   `json:"last_heard"`
	Same      bool     `json:"same"` // it held what this device did
	Connected bool     `json:"connected"`
}

// A Finding is one thing that is the case.
type Finding struct {
	Level  string `json:"level"` // "problem", "note" or "ok"
	Text   string `json:"text"`
	Remedy string `json:"remedy"` // "": nothing
}

// doctor looks at how this device stands to its networks and to the others.
func (s *Server) doctor(c *call) error {
	known, err := s.backend.Peers(c.r.Context())
	if err != nil {
		return err
	}
	peers := append([]Peer{}, known...)
	reading, clocks := clockOf(connected(peers))
	d, err := s.backend.Doctor(c.r.Context(), clocks)
	if err != nil {
		return err
	}
	return c.answerJSON(http.StatusOK, d.document(peers, reading))
}

func (d *Diagnosis) document(peers []Peer, c clock) any {
	return struct {
		Interfaces []Interface `json:"interfaces"`
		Heard      []Heard     `json:"heard"`
		Peers      []Peer      `json:"peers"`
		Clock      clock       `json:"clock"`
		Findings   []Finding   `json:"findings"`
	}{d.Interfaces, d.Heard, peers, c, d.Findings}
}

// Document is what the API would answer on a device that has no camp.
func (d *Diagnosis) Document() any {
	reading, _ := clockOf(nil)
	return d.document([]Peer{}, reading)
}
