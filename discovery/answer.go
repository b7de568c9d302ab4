package discovery

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/hashicorp/mdns"
	"github.com/miekg/dns"
)

// Limits of one packet.
const (
	maxPacketBytes = 9000 // RFC 6762, 17
	maxRecords     = 64
	maxInstances   = 8
	maxTexts       = 8 // strings that are looked at in one answer
)

// An answer is what one instance of the service says: strings that nobody has looked
// at yet. One of another service has no instance.
type answer struct {
	instance string // in lower case
	texts    []string
}

var errPacket = errors.New("no answer of mDNS")

// parseAnswers reads a packet. If it holds nothing of our service, it counts as one
// answer of another.
func parseAnswers(packet []byte) ([]answer, error) {
	if !isAnswer(packet) {
		return nil, errPacket
	}
	var m dns.Msg
	if err := m.Unpack(packet); err != nil {
		return nil, errPacket
	}
	records := append(m.Answer, m.Extra...)
	if len(records) == 0 {
		return nil, errPacket
	}
	var found []answer
	for _, r := range records {
		t, ok := r.(*dns.TXT)
		if !ok || len(found) == maxInstances {
			continue
		}
		if a := newAnswer(t.Hdr.Name, t.Txt); a.instance != "" {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		found = []answer{{}}
	}
	return found, nil
}

// isAnswer looks at the header alone, so that most of what is not meant for us costs
// nothing.
func isAnswer(packet []byte) bool {
	const headerBytes = 12
	if len(packet) < headerBytes || len(packet) > maxPacketBytes {
		return false
	}
	const response, operation, truncated, code = 0x8000, 0x7800, 0x0200, 0x000f
	if flags := binary.BigEndian.Uint16(packet[2:]); flags&(response|operation|truncated|code) != response {
		return false
	}
	records := 0
	for at := 4; at < headerBytes; at += 2 {
		records += int(binary.BigEndian.Uint16(packet[at:]))
	}
	return records <= maxRecords
}

// newAnswer is one of an instance by this name, with no more strings than the limit.
func newAnswer(name string, texts []string) answer {
	name = lower(name)
	if !strings.HasSuffix(name, instanceSuffix) {
		return answer{}
	}
	return answer{instance: name, texts: texts[:min(len(texts), maxTexts)]}
}

// fromLibrary converts what the library's client found. Its query must be over: it
// goes on writing to what it has sent already.
func fromLibrary(e *mdns.ServiceEntry) answer { return newAnswer(e.Name, e.InfoFields) }
