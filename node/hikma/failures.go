package hikma

import "time"

// A Failure is a push that was not taken. The pull before it counts as a sync all the same, so
// without a word of it people would take for sent what is on the phone alone.
type Failure struct {
	At  time.Time // zero: the last push was taken, as far as this device knows
	Why string    // in words that quote nothing of it
}

// notePush keeps how the last push of a phone went, in memory: the phone sends it again.
func (s *Server) notePush(client string, err error) {
	if err == nil {
		s.failed.Remove(client)
		return
	}
	why := "Something went wrong inside musafir; its log says more."
	if told := s.refusalOf(err); told != nil {
		why = told.Text
	}
	s.failed.Add(client, Failure{s.now(), why})
}

// noteUnread does so for one of which not all came. begun is what did. Whose it is nobody has
// shown: it counts only for phones that synced, and the next push of the phone ends it.
func (s *Server) noteUnread(kind *rpcKind, begun []byte, err error) {
	if client, unclear := clientAtHead(begun); kind == commands && unclear == nil && s.sessions.trusts(client) {
		s.notePush(client, err)
	}
}

// failure is that of a phone's last push here. What it synced elsewhere since is newer.
func (s *Server) failure(p *Phone) Failure {
	f, _ := s.failed.Get(p.Client)
	if self, _, _ := s.cfg.Backend.Self(); p.LastDevice != self && p.LastSync.After(f.At) {
		return Failure{}
	}
	return f
}
