package discovery

import (
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

const (
	// shownPort is the same for all; the true ports are sealed.
	shownPort = 7668

	// keepFor is how long others may remember an answer, in seconds. It is what RFC
	// 6762, 6.7, allows at most for answers to one device.
	keepFor = 10
)

// A zone answers the questions that come in by one interface.
type zone struct {
	board    *board
	shown    netip.Addr // of the interface
	answered func()     // called for each answer given to another
}

// Records gives all that there is to whoever asks for the service, and nothing to
// other questions. The client of the library takes an answer by the record that
// stands last, so the order matters to it.
func (z *zone) Records(q dns.Question) []dns.RR {
	if lower(q.Name) != serviceName || q.Qtype != dns.TypePTR && q.Qtype != dns.TypeANY {
		return nil
	}
	g, strings := z.board.read(time.Now())
	if strings == nil {
		return nil
	}
	if !g.mark.in(q.Name) {
		z.answered()
	}
	return []dns.RR{
		&dns.PTR{Hdr: header(serviceName, dns.TypePTR), Ptr: g.instance},
		&dns.SRV{Hdr: header(g.instance, dns.TypeSRV), Port: shownPort, Target: g.host},
		z.address(g.host),
		&dns.TXT{Hdr: header(g.instance, dns.TypeTXT), Txt: strings},
	}
}

func (z *zone) address(host string) dns.RR {
	if z.shown.Is4() {
		return &dns.A{Hdr: header(host, dns.TypeA), A: z.shown.AsSlice()}
	}
	return &dns.AAAA{Hdr: header(host, dns.TypeAAAA), AAAA: z.shown.AsSlice()}
}

func header(name string, kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: keepFor}
}
