#pragma once
#include <libavformat/avformat.h>
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavutil/opt.h>
#include <libavutil/imgutils.h>
#include <libavutil/display.h>
#include <libavutil/spherical.h>
#include <libavutil/channel_layout.h>
#include <libswscale/swscale.h>
#include <libswresample/swresample.h>

/// AVERROR(EAGAIN) is a macro with an argument: whether `code` says that an encoder wants more input before its next packet.
static inline int clibav_wants_input(int code) { return code == AVERROR(EAGAIN); }
/// AVERROR_EOF is made of characters: whether `code` says that an encoder has given its last packet.
static inline int clibav_has_ended(int code) { return code == AVERROR_EOF; }

/// swr_convert with a frame's own planes: their pointers' type is one that Swift cannot convert.
static inline int clibav_resample(struct SwrContext *resampler, uint8_t **out, int room, const AVFrame *frame) {
  return swr_convert(resampler, out, room, (const uint8_t **)frame->extended_data, frame->nb_samples);
}
