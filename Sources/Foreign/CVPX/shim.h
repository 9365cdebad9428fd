#pragma once
#include <vpx/vpx_decoder.h>
#include <vpx/vp8dx.h>

/// vpx_codec_dec_init is a macro, for the ABI number that it adds.
static inline vpx_codec_err_t cvpx_vp8_decoder_init(vpx_codec_ctx_t *context, const vpx_codec_dec_cfg_t *configuration) {
  return vpx_codec_dec_init(context, vpx_codec_vp8_dx(), configuration, 0);
}
