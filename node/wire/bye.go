package wire

// A Bye is the last frame of a side and says why it ends.
type Bye struct {
	_    struct{} `cbor:",toarray"`
	Code uint64   // one of those below, or one that a newer program knows
	Text string   // for people, in one line; may be empty
}

// Why a side ends.
const (
	ByeDone     uint64 = iota // all is said
	ByeVersion                // the versions of the protocol do not meet
	ByeStranger               // the other side did not prove that it is admitted
	ByeRule                   // the other side broke a rule
	ByeBusy                   // there is a session between the two already
	ByeRenewed                // this device begins a new log and a new key
	ByeStopping               // the program is told to stop
	ByeRemoved                // the other side was removed from the camp
	ByeRefused                // the invitation is not taken
)

func (*Bye) Kind() Kind                              { return KindBye }
func (f *Bye) check() error                          { return checkText("text", f.Text, MaxByeTextBytes) }
func (f *Bye) appendBody(dst []byte) ([]byte, error) { return appendCBOR(dst, f) }
func (f *Bye) parseBody(body []byte) error           { return unmarshal(body, f) }
