// Command pion sends an IVF and an Ogg/Opus file with Pion, and tells what it sent.
//
//	DECK_TOKEN=... pion -way whip -to URL         publishes by WHIP
//	DECK_TOKEN=... pion -way answer -to API       has the deck offer, by its control API, and answers
//
// With -lite it is an ICE-lite peer: the deck's checks, and none of its own, find the path. The report is the last line of standard
// output: one JSON object. Counts begin with the connection.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc"
	"github.com/pion/webrtc/pkg/media"
	"github.com/pion/webrtc/pkg/media/ivfreader"
	"github.com/pion/webrtc/pkg/media/oggreader"
)

type report struct {
	Error      *string        `json:"error"`
	Posted     int            `json:"posted"`
	Deleted    int            `json:"deleted"`
	States     []string       `json:"states"`
	FramesSent int            `json:"framesSent"`
	SoundsSent int            `json:"soundsSent"`
	Feedback   map[string]int `json:"feedback"`
}

var (
	way     = flag.String("way", "whip", "whip, or answer")
	to      = flag.String("to", "", "the WHIP address, or the control API's")
	room    = flag.String("room", "pion", "the recording's room, with -way answer")
	isLite  = flag.Bool("lite", false, "be an ICE-lite peer")
	ivf     = flag.String("ivf", "", "an IVF file with VP8")
	ogg     = flag.String("ogg", "", "an Ogg file with Opus in pages of 20 ms")
	lock    sync.Mutex
	told    = report{States: []string{}, Feedback: map[string]int{}}
	changed = make(chan webrtc.PeerConnectionState, 16)
)

func ask(method, where, kind, body string) (int, http.Header, string, error) {
	request, err := http.NewRequest(method, where, strings.NewReader(body))
	if err != nil {
		return 0, nil, "", err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("DECK_TOKEN"))
	if body != "" {
		request.Header.Set("Content-Type", kind)
	}
	response, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return 0, nil, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%d: %s", response.StatusCode, text)
	}
	return response.StatusCode, response.Header, string(text), err
}

// newConnection makes a peer with Pion's own codecs and interceptors. Of a deck on loopback it is found there alone.
func newConnection() (*webrtc.PeerConnection, error) {
	settings := webrtc.SettingEngine{}
	settings.SetLite(*isLite)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if place, err := url.Parse(*to); err == nil && (place.Hostname() == "127.0.0.1" || place.Hostname() == "localhost") {
		settings.SetIncludeLoopbackCandidate(true)
		settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	}
	codecs, interceptors := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := codecs.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	// Retransmissions, reports and, by header extension, the transport's own numbers.
	if err := webrtc.RegisterDefaultInterceptors(codecs, interceptors); err != nil {
		return nil, err
	}
	if err := webrtc.ConfigureTWCCHeaderExtensionSender(codecs, interceptors); err != nil {
		return nil, err
	}
	api := webrtc.NewAPI(
		webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(codecs), webrtc.WithInterceptorRegistry(interceptors))
	connection, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	connection.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		lock.Lock()
		told.States = append(told.States, state.String())
		lock.Unlock()
		changed <- state
	})
	return connection, nil
}

// describe makes the local description, all candidates in it.
func describe(connection *webrtc.PeerConnection, make func() (webrtc.SessionDescription, error)) (string, error) {
	description, err := make()
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(connection)
	if err := connection.SetLocalDescription(description); err != nil {
		return "", err
	}
	<-gathered
	return connection.LocalDescription().SDP, nil
}

// listen counts the kinds of feedback that come for what is sent.
func listen(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		lock.Lock()
		for _, packet := range packets {
			name := strings.TrimPrefix(fmt.Sprintf("%T", packet), "*rtcp.")
			if raw, ok := packet.(*rtcp.RawPacket); ok {
				name = fmt.Sprintf("%d.%d", raw.Header().Type, raw.Header().Count)
			}
			told.Feedback[name]++
		}
		lock.Unlock()
	}
}

// send passes the frames of one file on, each at its time, and answers how many.
func send(track *webrtc.TrackLocalStaticSample, next func() ([]byte, time.Duration, error)) (int, error) {
	begin, at := time.Now(), time.Duration(0)
	for count := 0; ; count++ {
		frame, length, err := next()
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return count, err
		}
		time.Sleep(time.Until(begin.Add(at)))
		if err := track.WriteSample(media.Sample{Data: frame, Duration: length}); err != nil {
			return count, err
		}
		at += length
	}
}

func pictures() (func() ([]byte, time.Duration, error), error) {
	file, err := os.ReadFile(*ivf)
	if err != nil {
		return nil, err
	}
	reader, header, err := ivfreader.NewWith(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	length := time.Second * time.Duration(header.TimebaseNumerator) / time.Duration(header.TimebaseDenominator)
	return func() ([]byte, time.Duration, error) {
		frame, _, err := reader.ParseNextFrame()
		return frame, length, err
	}, nil
}

func sounds() (func() ([]byte, time.Duration, error), error) {
	file, err := os.ReadFile(*ogg)
	if err != nil {
		return nil, err
	}
	reader, _, err := oggreader.NewWith(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	return func() ([]byte, time.Duration, error) {
		for {
			page, header, err := reader.ParseNextPage()
			if err != nil {
				return nil, 0, err
			}
			if header.GranulePosition > 0 {
				return page, 20 * time.Millisecond, nil
			}
		}
	}, nil
}

// sendAll waits for the connection, and sends both files to their ends.
func sendAll(video, audio *webrtc.TrackLocalStaticSample) error {
	timeout := time.After(20 * time.Second)
	for state := webrtc.PeerConnectionStateNew; state != webrtc.PeerConnectionStateConnected; {
		select {
		case state = <-changed:
			if state == webrtc.PeerConnectionStateFailed {
				return errors.New("the connection failed")
			}
		case <-timeout:
			return errors.New("no connection")
		}
	}
	nextPicture, err := pictures()
	if err != nil {
		return err
	}
	nextSound, err := sounds()
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() {
		count, err := send(audio, nextSound)
		told.SoundsSent = count
		failed <- err
	}()
	told.FramesSent, err = send(video, nextPicture)
	if soundErr := <-failed; err == nil {
		err = soundErr
	}
	// What is on its way gets the time to arrive.
	time.Sleep(300 * time.Millisecond)
	return err
}

func publish(connection *webrtc.PeerConnection, tracks []*webrtc.TrackLocalStaticSample) error {
	for _, track := range tracks {
		transceiver, err := connection.AddTransceiverFromTrack(
			track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return err
		}
		go listen(transceiver.Sender())
	}
	offer, err := describe(connection, func() (webrtc.SessionDescription, error) { return connection.CreateOffer(nil) })
	if err != nil {
		return err
	}
	status, header, answer, err := ask(http.MethodPost, *to, "application/sdp", offer)
	told.Posted = status
	if err != nil {
		return err
	}
	if err := connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return err
	}
	if err := sendAll(tracks[0], tracks[1]); err != nil {
		return err
	}
	base, err := url.Parse(*to)
	if err != nil {
		return err
	}
	place, err := base.Parse(header.Get("Location"))
	if err != nil {
		return err
	}
	told.Deleted, _, _, err = ask(http.MethodDelete, place.String(), "", "")
	return err
}

func answerDeck(connection *webrtc.PeerConnection, tracks []*webrtc.TrackLocalStaticSample) error {
	wish := `{"room":"` + *room + `","source":{"type":"webrtc","makeOffer":{},"participant":"ada"},"outputs":{"hls":null}}`
	status, _, text, err := ask(http.MethodPost, *to+"/v1/recordings", "application/json", wish)
	told.Posted = status
	if err != nil {
		return err
	}
	var recording struct {
		ID      string
		Sources []struct{ ID, Offer string }
	}
	if err := json.Unmarshal([]byte(text), &recording); err != nil {
		return err
	}
	source, place := recording.Sources[0], *to+"/v1/recordings/"+recording.ID
	if err := connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: source.Offer}); err != nil {
		return err
	}
	for _, track := range tracks {
		sender, err := connection.AddTrack(track)
		if err != nil {
			return err
		}
		go listen(sender)
	}
	answer, err := describe(connection, func() (webrtc.SessionDescription, error) { return connection.CreateAnswer(nil) })
	if err != nil {
		return err
	}
	if _, _, _, err := ask(http.MethodPut, place+"/sources/"+source.ID+"/answer", "application/sdp", answer); err != nil {
		return err
	}
	if err := sendAll(tracks[0], tracks[1]); err != nil {
		return err
	}
	told.Deleted, _, _, err = ask(http.MethodPost, place+"/stop?wait=true", "application/json", "{}")
	return err
}

func run() error {
	connection, err := newConnection()
	if err != nil {
		return err
	}
	defer connection.Close()
	var tracks []*webrtc.TrackLocalStaticSample
	for _, kind := range []string{webrtc.MimeTypeVP8, webrtc.MimeTypeOpus} {
		name := strings.SplitN(kind, "/", 2)[0]
		track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: kind}, name, "ada")
		if err != nil {
			return err
		}
		tracks = append(tracks, track)
	}
	if *way == "answer" {
		return answerDeck(connection, tracks)
	}
	return publish(connection, tracks)
}

func main() {
	flag.Parse()
	if err := run(); err != nil {
		text := err.Error()
		told.Error = &text
	}
	lock.Lock()
	defer lock.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(told)
}
